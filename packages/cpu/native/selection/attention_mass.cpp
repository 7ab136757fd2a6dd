// Attention weights of a few rows over all keys, summed by key.
#include "addon/choices/attention_mass.h"

#include <algorithm>

#include "attention/split_order.h"
#include "core/scratch.h"
#include "core/thread_pool.h"
#include "floats/kernel_table.h"

namespace elastic {
namespace {

/** Queries whose weights are kept at a time. */
constexpr int64_t kQueries = 32;
/** Keys that are worth a thread. */
constexpr int64_t kGrain = 1024;

/** scores[key] = q · k for the keys that lie in consecutive rows. */
void score_keys(const AttentionMass& call, const float* query, int64_t row, int64_t keys, float* scores) {
  const FloatKernels& kernels = float_kernels();
  const int64_t head_dim = call.head_dim;
  if (head_dim % 32 == 0) {
    kernels.score_rows(query, 1, call.keys.row(row), call.keys.row_stride * byte_size(call.keys.dtype), call.keys.dtype, keys, head_dim, scores, keys);
    return;
  }
  Scratch scratch;
  float* key = scratch.take<float>(head_dim);
  for (int64_t i = 0; i < keys; ++i) {
    kernels.convert(call.keys.row(row + i), call.keys.dtype, reinterpret_cast<char*>(key), DType::F32, head_dim);
    scores[i] = kernels.dot(query, key, head_dim);
  }
}

/** The weights of one query over the keys it sees; `weights` is aligned for vectors and has room for 16 more. */
void attend(const AttentionMass& call, const AttentionMass::Head& head, int64_t index, float* weights) {
  const FloatKernels& kernels = float_kernels();
  const int64_t head_dim = call.head_dim, seen = call.seen(index);
  Scratch scratch;
  float* natural = scratch.take<float>(head_dim);
  float* query = scratch.take<float>(head_dim);
  kernels.convert(call.query_row(head.key_value_head, index), call.query.dtype, reinterpret_cast<char*>(natural), DType::F32, head_dim);
  split_order(natural, query, head_dim, head_dim % 32 == 0 ? call.keys.dtype : DType::F32);
  for (int64_t position = 0; position < seen;) {
    const int64_t keys = std::min(seen - position, head.store.contiguous(position));
    score_keys(call, query, head.store.slot(position), keys, weights + position);
    position += keys;
  }
  if (call.soft_cap > 0) {
    std::fill(weights + seen, weights + (seen + 15) / 16 * 16, 0.0f);
    kernels.cap_scores(weights, (seen + 15) / 16 * 16, call.scale, call.soft_cap);
  } else {
    kernels.scale(weights, call.scale, seen);
  }
  kernels.softmax(reinterpret_cast<const char*>(weights), DType::F32, reinterpret_cast<char*>(weights), DType::F32, seen);
}

}  // namespace

void backend::attention_mass(const AttentionMass& call) {
  const int64_t width = (call.length + 31) / 16 * 16, queries = call.queries();
  Scratch scratch;
  float* weights = scratch.take<float>(std::min(queries, kQueries) * width);
  for (std::size_t index = 0; index < call.heads.size(); ++index) {
    float* mass = call.mass.floats(static_cast<int64_t>(index));
    std::fill(mass, mass + call.length, 0.0f);
    for (int64_t first = 0; first < queries; first += kQueries) {
      const int64_t count = std::min(kQueries, queries - first);
      parallel_for(count, [&](int64_t i) { attend(call, call.heads[index], first + i, weights + i * width); });
      // In the order of the queries, whatever the number of threads.
      parallel_rows(call.length, kGrain, [&](int64_t start, int64_t end) {
        for (int64_t i = 0; i < count; ++i) {
          const int64_t stop = std::min(end, call.seen(first + i));
          for (int64_t key = start; key < stop; ++key) mass[key] += weights[i * width + key];
        }
      });
    }
  }
}

}  // namespace elastic
