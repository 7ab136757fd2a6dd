// XAttention: antidiagonal scores as matrix products, group softmax, block masses, choice.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "addon/operations.h"
#include "core/thread_pool.h"
#include "floats/kernel_table.h"
#include "gemm/multiply.h"
#include "selection/select_blocks.h"

namespace elastic {
namespace {

/** Group scores kept at a time, in floats: bounds the memory of long prompts. */
constexpr int64_t kScoreFloats = int64_t{1} << 22;

/** Keys of a head as a weight [groups, stride · headDim]: `stride` rows of the cache are one row already. */
PackedWeight pack_groups(const Estimate& estimate, const HeadStore& store, std::vector<char>& memory) {
  const int64_t depth = estimate.stride * estimate.head_dim, whole = estimate.tokens / estimate.stride;
  const int64_t left = estimate.tokens - whole * estimate.stride;
  const int64_t element = byte_size(estimate.keys.dtype);
  std::vector<Matrix> sources{{estimate.keys.row(store.first_slot), whole, depth, depth, estimate.keys.dtype}};
  std::vector<char> last(static_cast<std::size_t>(depth * element), 0);
  if (left > 0) {
    const char* source = estimate.keys.row(store.first_slot + whole * estimate.stride);
    std::memcpy(last.data(), source, static_cast<std::size_t>(left * estimate.head_dim * element));
    sources.push_back({last.data(), 1, depth, depth, estimate.keys.dtype});
  }
  PackedWeight weight{nullptr, estimate.groups(), depth, estimate.keys.dtype};
  memory.resize(static_cast<std::size_t>(weight.bytes() + 64));
  auto address = reinterpret_cast<std::uintptr_t>(memory.data());
  weight.data = memory.data() + ((64 - address % 64) % 64);
  pack_weight(weight, sources);
  return weight;
}

/** Queries of one head, each group's rows in reverse: row a holds q[a·t + t-1], …, q[a·t]; missing rows are zero. */
void gather_queries(const Estimate& estimate, int64_t head, int64_t first, int64_t rows, char* out) {
  const DType dtype = estimate.query.dtype;
  const auto bytes = static_cast<std::size_t>(estimate.head_dim * byte_size(dtype));
  parallel_rows(rows, 16, [&](int64_t start, int64_t end) {
    for (int64_t row = start; row < end; ++row) {
      for (int64_t m = 0; m < estimate.stride; ++m) {
        const int64_t token = (first + row) * estimate.stride + estimate.stride - 1 - m;
        char* target = out + static_cast<std::size_t>(row * estimate.stride + m) * bytes;
        if (token >= estimate.tokens) {
          std::memset(target, 0, bytes);
        } else {
          std::memcpy(target, estimate.query.row(token) + static_cast<std::size_t>(head) * bytes, bytes);
        }
      }
    }
  });
}

/** Masses of a block of query groups, then its choice. `scores` holds the scores of its groups, row after row. */
void choose_block(const Estimate& estimate, int64_t head, int64_t block, int64_t first_group, float* scores,
                  int64_t stride) {
  const FloatKernels& kernels = float_kernels();
  const int64_t per_block = estimate.block_size / estimate.stride;
  const int64_t last = std::min((block + 1) * per_block, estimate.groups());
  const auto scale = static_cast<float>(estimate.score_scale()), cap = static_cast<float>(estimate.sum_cap());
  std::vector<double> mass(static_cast<std::size_t>(block + 1), 0.0);
  for (int64_t group = block * per_block; group < last; ++group) {
    float* row = scores + (group - first_group) * stride;
    const int64_t n = group + 1;
    if (estimate.round_bf16) {
      for (int64_t i = 0; i < n; ++i) row[i] = bf16_to_float(float_to_bf16(row[i]));
    }
    if (cap > 0) {
      for (int64_t i = 0; i < n; ++i) row[i] = cap * std::tanh(row[i] / cap);
    }
    kernels.scale(row, scale, n);
    kernels.softmax(reinterpret_cast<const char*>(row), DType::F32, reinterpret_cast<char*>(row), DType::F32, n);
    for (int64_t i = 0; i < n; ++i) mass[static_cast<std::size_t>(i / per_block)] += row[i];
  }
  for (double& value : mass) value = estimate.rounded(value);
  auto* chosen = reinterpret_cast<uint8_t*>(estimate.visited.row(head * estimate.blocks() + block));
  std::memset(chosen, 0, static_cast<std::size_t>(estimate.blocks()));
  select_blocks(mass.data(), block, estimate.threshold, chosen);
}

void estimate_head(const Estimate& estimate, int64_t head, const PackedWeight& keys) {
  const int64_t groups = estimate.groups(), per_block = estimate.block_size / estimate.stride;
  const int64_t wanted = std::max<int64_t>(per_block, kScoreFloats / groups / per_block * per_block);
  const int64_t rows = std::min(wanted, groups), depth = keys.inputs;
  std::vector<float> scores(static_cast<std::size_t>(rows * groups));
  std::vector<char> queries(static_cast<std::size_t>(rows * depth * byte_size(estimate.query.dtype)));
  for (int64_t first = 0; first < groups; first += rows) {
    const int64_t count = std::min(rows, groups - first);
    gather_queries(estimate, head, first, count, queries.data());
    Product product;
    product.input = {queries.data(), count, depth, depth, estimate.query.dtype};
    product.weight = keys;
    // Later keys are never scored against these queries.
    product.weight.outputs = first + count;
    product.bias = nullptr;
    product.output = {reinterpret_cast<char*>(scores.data()), count, first + count, groups, DType::F32};
    product.accumulate = false;
    multiply(product);
    const int64_t first_block = first / per_block, last_block = (first + count + per_block - 1) / per_block;
    parallel_for(last_block - first_block, [&](int64_t index) {
      choose_block(estimate, head, first_block + index, first, scores.data(), groups);
    });
  }
}

}  // namespace

void backend::xattention_estimate(const Estimate& estimate) {
  for (const auto& [head, store] : estimate.heads) {
    std::vector<char> memory;
    const PackedWeight keys = pack_groups(estimate, store, memory);
    for (int64_t member = 0; member < estimate.group; ++member) estimate_head(estimate, head * estimate.group + member, keys);
  }
}

}  // namespace elastic
