// The attention that the last rows of a sequence pay to each key: scores of a head, the softmax of each row, sums by key.
#include "addon/choices/attention_mass.h"

#include <algorithm>
#include <stdexcept>

#include "attention/tables/attention_tables.h"
#include "core/device/check.h"
#include "core/device/device.h"
#include "core/elements/block_sums.cuh"

namespace elastic {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
/** Queries that are held in shared memory at a time. */
constexpr int kQueries = 16;
constexpr int kMostHeadDim = 256;
/** Scores that are kept at a time, in bytes. */
constexpr int64_t kScoreBytes = int64_t{256} << 20;

struct HeadMass {
  HeadEntry head;
  SequenceEntry sequence;
  int64_t query_stride;
  int query_head;
  int group;
  int head_dim;
  int rows;
  int length;
  /** The queries of this pass, counted over rows and the group. */
  int first_query;
  int num_queries;
  float scale_log2;
  /** cap · tanh(dot · cap_input) where there is a cap, in units of log2 of the scores; 0 without one. */
  float cap_log2;
  float cap_input;
  float* scores;
  /** Maximum and sum of each query. */
  float2* sums;
  float* mass;

  __device__ int seen(int query) const { return length - rows + query / group + 1; }
};

/** A warp takes a key against all queries of a group of sixteen. */
template <typename Query, typename Key>
__global__ void __launch_bounds__(kThreads) score_keys(const HeadMass call, const Query* query, const Key* keys) {
  extern __shared__ float held[];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, base = blockIdx.y * kQueries;
  const int count = min(kQueries, call.num_queries - base);
  for (int i = threadIdx.x; i < count * call.head_dim; i += kThreads) {
    const int index = call.first_query + base + i / call.head_dim;
    held[i] = to_float(query[static_cast<int64_t>(index / call.group) * call.query_stride +
                             (call.query_head + index % call.group) * call.head_dim + i % call.head_dim]);
  }
  __syncthreads();
  for (int key = blockIdx.x * kWarps + warp; key < call.length; key += gridDim.x * kWarps) {
    const Key* row = keys + static_cast<int64_t>(call.sequence.row(call.head.slot(key))) * call.head_dim;
    float own[kMostHeadDim / 32];
#pragma unroll
    for (int part = 0; part < kMostHeadDim / 32; ++part) {
      const int column = part * 32 + lane;
      own[part] = column < call.head_dim ? to_float(row[column]) : 0.0f;
    }
    for (int index = 0; index < count; ++index) {
      float dot = 0;
#pragma unroll
      for (int part = 0; part < kMostHeadDim / 32; ++part) {
        const int column = part * 32 + lane;
        dot = fmaf(column < call.head_dim ? held[index * call.head_dim + column] : 0.0f, own[part], dot);
      }
      dot = warp_sum(dot);
      const float score = call.cap_input > 0 ? call.cap_log2 * tanhf(dot * call.cap_input) : dot * call.scale_log2;
      if (lane == 0) call.scores[static_cast<int64_t>(base + index) * call.length + key] = score;
    }
  }
}

/** One thread block for a query. */
__global__ void __launch_bounds__(kThreads) sum_weights(const HeadMass call) {
  const int seen = call.seen(call.first_query + blockIdx.x);
  const float* scores = call.scores + static_cast<int64_t>(blockIdx.x) * call.length;
  float maximum = -INFINITY, sum = 0;
  for (int key = threadIdx.x; key < seen; key += kThreads) maximum = fmaxf(maximum, scores[key]);
  maximum = block_max(maximum);
  for (int key = threadIdx.x; key < seen; key += kThreads) sum += exp2f(scores[key] - maximum);
  sum = block_sum(sum);
  if (threadIdx.x == 0) call.sums[blockIdx.x] = float2{maximum, sum};
}

__global__ void __launch_bounds__(kThreads) add_weights(const HeadMass call) {
  const int key = blockIdx.x * kThreads + threadIdx.x;
  if (key >= call.length) return;
  float mass = call.first_query == 0 ? 0.0f : call.mass[key];
  for (int query = 0; query < call.num_queries; ++query) {
    if (key >= call.seen(call.first_query + query)) continue;
    const float2 sums = call.sums[query];
    mass += exp2f(call.scores[static_cast<int64_t>(query) * call.length + key] - sums.x) / sums.y;
  }
  call.mass[key] = mass;
}

}  // namespace

void backend::attention_mass(const AttentionMass& call) {
  const Device& device = Device::instance();
  if (call.head_dim > kMostHeadDim) throw std::range_error("the attention of last rows is summed for head dimensions up to 256 on this device");
  const int64_t queries = call.queries();
  const int64_t together = std::clamp<int64_t>(kScoreBytes / (call.length * 4), 1, queries);
  const Scratch memory(static_cast<size_t>(together * (call.length * 4 + static_cast<int64_t>(sizeof(float2)) + 16)));
  constexpr double log2_e = 1.44269504088896341;
  for (size_t i = 0; i < call.heads.size(); ++i) {
    const auto& [number, store] = call.heads[i];
    HeadMass head{};
    head.head = {{PatternType::Full, 0, 0, 1}, static_cast<int32_t>(store.first_slot), static_cast<int32_t>(store.num_slots), 0, 0};
    head.sequence.page_shift = store.pages.shift;
    head.sequence.pages = store.pages.entries;
    head.query_stride = call.query.row_stride;
    head.query_head = static_cast<int>(number * call.group);
    head.group = static_cast<int>(call.group);
    head.head_dim = static_cast<int>(call.head_dim);
    head.rows = static_cast<int>(call.query.rows);
    head.length = static_cast<int>(call.length);
    head.scale_log2 = static_cast<float>(call.scale * log2_e);
    head.cap_log2 = static_cast<float>(call.soft_cap * log2_e);
    head.cap_input = call.soft_cap > 0 ? call.scale / call.soft_cap : 0.0f;
    head.sums = reinterpret_cast<float2*>(memory.data());
    head.scores = reinterpret_cast<float*>(memory.data() + (static_cast<size_t>(together) * sizeof(float2) + 15) / 16 * 16);
    head.mass = call.mass.floats(static_cast<int64_t>(i));
    for (int64_t first = 0; first < queries; first += together) {
      head.first_query = static_cast<int>(first);
      head.num_queries = static_cast<int>(std::min(together, queries - first));
      const auto tiles = static_cast<unsigned>(std::min<int64_t>(1024, (call.length + kWarps - 1) / kWarps));
      const dim3 grid(tiles, static_cast<unsigned>((head.num_queries + kQueries - 1) / kQueries));
      const size_t shared = static_cast<size_t>(kQueries * call.head_dim) * sizeof(float);
      with_float_type(call.query.dtype, [&]<typename Query>(Query*) {
        with_float_type(call.keys.dtype, [&]<typename Key>(Key*) {
          score_keys<Query, Key><<<grid, kThreads, shared, device.stream>>>(head, reinterpret_cast<const Query*>(call.query.data),
                                                                           reinterpret_cast<const Key*>(call.keys.data));
        });
      });
      check(cudaGetLastError(), "attentionMass, scores");
      sum_weights<<<static_cast<unsigned>(head.num_queries), kThreads, 0, device.stream>>>(head);
      check(cudaGetLastError(), "attentionMass, sums");
      add_weights<<<static_cast<unsigned>((call.length + kThreads - 1) / kThreads), kThreads, 0, device.stream>>>(head);
      check(cudaGetLastError(), "attentionMass, masses");
    }
  }
}

}  // namespace elastic
