// A cluster of thread blocks holds a row of logits in shared memory and finds the drawn token by its digits: no sort.
// Probabilities are whole multiples of 2^-31 of the largest, so that sums do not depend on their order.
#include <cooperative_groups.h>

#include "core/device/check.h"
#include "core/elements/floats.cuh"
#include "sampling/sample_call.h"

namespace elastic {
namespace {

constexpr int kThreads = 512;
constexpr int kWarps = kThreads / 32;
constexpr int kCluster = 8;
constexpr double kUnit = 2147483648.0;

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
#define ELASTIC_CLUSTERS 1
#endif

struct Sums {
  uint64_t of[3];
};

struct Best {
  float logit;
  int token;
};

struct RowShared {
  Sums warps[kWarps];
  Sums blocks[2][kCluster];
  Best best_warps[kWarps];
  Best best_blocks[kCluster];
  int token;
};

#ifdef ELASTIC_CLUSTERS

/** The part of a row that this thread block holds. */
struct RowPart {
  uint32_t* keys;
  uint32_t* weights;
  RowShared& shared;
  int count;
  int rank;
  int parity = 0;

  /** Sums over the cluster; every thread gets them. */
  __device__ Sums add(Sums sums) {
#pragma unroll
    for (uint64_t& value : sums.of) {
      for (int step = 16; step > 0; step /= 2) value += __shfl_xor_sync(0xffffffffu, value, step);
    }
    if (threadIdx.x % 32 == 0) shared.warps[threadIdx.x / 32] = sums;
    __syncthreads();
    parity ^= 1;
    if (threadIdx.x < kCluster) {
      Sums total{};
      for (const Sums& warp : shared.warps) {
        for (int i = 0; i < 3; ++i) total.of[i] += warp.of[i];
      }
      *cooperative_groups::this_cluster().map_shared_rank(&shared.blocks[parity][rank], threadIdx.x) = total;
    }
    cooperative_groups::this_cluster().sync();
    Sums result{};
    for (const Sums& block : shared.blocks[parity]) {
      for (int i = 0; i < 3; ++i) result.of[i] += block.of[i];
    }
    return result;
  }

  /** Sum of all weights, or the number of those that are not zero. */
  __device__ uint64_t total(bool counting) {
    Sums sums{};
    for (int i = threadIdx.x; i < count; i += kThreads) sums.of[0] += counting ? weights[i] > 0 : weights[i];
    return add(sums).of[0];
  }

  /** The largest key that, with all larger ones, reaches `limit`; what the larger ones have goes to `above`. */
  __device__ uint32_t reach(uint64_t limit, bool counting, uint64_t& above) {
    uint32_t key = 0;
    above = 0;
    for (int shift = 30; shift >= 0; shift -= 2) {
      Sums sums{};
      for (int i = threadIdx.x; i < count; i += kThreads) {
        const uint32_t other = keys[i];
        const uint64_t weight = counting ? weights[i] > 0 : weights[i];
        if (other < key) continue;
        const uint32_t digit = (other - key) >> shift;
#pragma unroll
        for (int j = 0; j < 3; ++j) {
          if (digit > static_cast<uint32_t>(j)) sums.of[j] += weight;
        }
      }
      sums = add(sums);
      int digit = 0;
      while (digit < 3 && sums.of[digit] >= limit) ++digit;
      if (digit < 3) above = sums.of[digit];
      key += static_cast<uint32_t>(digit) << shift;
    }
    return key;
  }

  /** Number of tokens with this key before the block's own, and calls fn(i, rank) for each of its own, in order. */
  template <typename Function>
  __device__ void each_tie(uint32_t key, const Function& fn) {
    Sums sums{};
    for (int i = threadIdx.x; i < count; i += kThreads) sums.of[0] += keys[i] == key && weights[i] > 0;
    add(sums);
    int before = 0;
    for (int block = 0; block < rank; ++block) before += static_cast<int>(shared.blocks[parity][block].of[0]);
    // Ties are few: one warp walks them.
    if (threadIdx.x < 32) {
      for (int first = 0; first < count; first += 32) {
        const int i = first + static_cast<int>(threadIdx.x);
        const bool tie = i < count && keys[i] == key && weights[i] > 0;
        const uint32_t ties = __ballot_sync(0xffffffffu, tie);
        if (tie) fn(i, before + __popc(ties & ((1u << threadIdx.x) - 1)));
        before += __popc(ties);
      }
    }
    __syncthreads();
  }

  /** Drops every token behind the one that reaches `limit`. */
  __device__ void cut(uint64_t limit, bool counting) {
    uint64_t above = 0;
    const uint32_t key = reach(limit, counting, above);
    each_tie(key, [&](int i, int place) {
      const uint64_t weight = counting ? 1 : weights[i];
      if (above + static_cast<uint64_t>(place) * weight >= limit) weights[i] = 0;
    });
    for (int i = threadIdx.x; i < count; i += kThreads) {
      if (keys[i] < key) weights[i] = 0;
    }
    __syncthreads();
  }
};

__device__ inline uint32_t ordered(float value) {
  const uint32_t bits = __float_as_uint(value + 0.0f);
  return bits >> 31 ? ~bits : bits | 0x80000000u;
}

/** The logit that a token is drawn by: bias, penalties and mask applied, in the reference's order and rounding. */
__device__ inline float adjusted(const RowSampling& sampling, float value, int token) {
  if (sampling.mask != nullptr && (static_cast<uint32_t>(sampling.mask[token / 32]) >> (token % 32) & 1u) == 0) return -INFINITY;
  double logit = value;
  if (sampling.bias != nullptr) logit = __dadd_rn(logit, static_cast<double>(sampling.bias[token]));
  if (sampling.seen != nullptr && sampling.repetition_penalty != 1.0 && sampling.seen[token] != 0) {
    logit = logit > 0 ? logit / sampling.repetition_penalty : logit * sampling.repetition_penalty;
  }
  if (sampling.counts != nullptr && sampling.counts[token] > 0) {
    const double often = __dmul_rn(sampling.frequency_penalty, static_cast<double>(sampling.counts[token]));
    logit = __dsub_rn(logit, __dadd_rn(sampling.presence_penalty, often));
  }
  return static_cast<float>(logit);
}

/** The drawn token is seen and counted from now on. */
__device__ inline void note(const RowSampling& sampling, int token) {
  if (sampling.seen != nullptr) sampling.seen[token] = 1;
  if (sampling.counts != nullptr) ++sampling.counts[token];
}

__device__ inline Best better(Best a, Best b) {
  if (b.token < 0) return a;
  if (a.token < 0 || b.logit > a.logit || (b.logit == a.logit && b.token < a.token)) return b;
  return a;
}

/** The largest logit of the row, the lowest token among equals. */
__device__ Best best_of_row(RowShared& shared, int rank, Best best) {
  for (int step = 16; step > 0; step /= 2) {
    best = better(best, Best{__shfl_xor_sync(0xffffffffu, best.logit, step), __shfl_xor_sync(0xffffffffu, best.token, step)});
  }
  if (threadIdx.x % 32 == 0) shared.best_warps[threadIdx.x / 32] = best;
  __syncthreads();
  if (threadIdx.x < kCluster) {
    Best block = shared.best_warps[0];
    for (int warp = 1; warp < kWarps; ++warp) block = better(block, shared.best_warps[warp]);
    *cooperative_groups::this_cluster().map_shared_rank(&shared.best_blocks[rank], threadIdx.x) = block;
  }
  cooperative_groups::this_cluster().sync();
  best = shared.best_blocks[0];
  for (int block = 1; block < kCluster; ++block) best = better(best, shared.best_blocks[block]);
  return best;
}

#endif

__global__ void __launch_bounds__(kThreads)
    sample_rows(Rows<const float> logits, int vocabulary, int part, const RowSampling* samplings, int32_t* tokens) {
#ifdef ELASTIC_CLUSTERS
  extern __shared__ uint32_t memory[];
  __shared__ RowShared shared;
  const int row = blockIdx.y, rank = static_cast<int>(cooperative_groups::this_cluster().block_rank());
  const RowSampling sampling = samplings[row];
  const int first = rank * part, count = max(0, min(part, vocabulary - first));
  const float* source = logits[row] + first;
  auto* values = reinterpret_cast<float*>(memory + part);
  Best best{-INFINITY, -1};
  for (int i = threadIdx.x; i < count; i += kThreads) {
    const float logit = adjusted(sampling, source[i], first + i);
    values[i] = logit;
    if (logit == logit) best = better(best, Best{logit, first + i});
  }
  best = best_of_row(shared, rank, best);
  int token = -1;
  if (best.token >= 0 && isfinite(best.logit)) {
    if (sampling.temperature == 0) {
      token = best.token;
    } else {
      RowPart cells{memory, memory + part, shared, count, rank};
      for (int i = threadIdx.x; i < count; i += kThreads) {
        const float logit = values[i];
        const double share = exp((static_cast<double>(logit) - best.logit) / sampling.temperature) * kUnit;
        cells.keys[i] = logit == logit ? ordered(logit) : 0;
        cells.weights[i] = logit == logit ? static_cast<uint32_t>(floor(share + 0.5)) : 0;
      }
      __syncthreads();
      if (sampling.top_k > 0 && cells.total(true) > static_cast<uint64_t>(sampling.top_k)) {
        cells.cut(static_cast<uint64_t>(sampling.top_k), true);
      }
      if (sampling.top_p < 1) {
        const double limit = ceil(sampling.top_p * static_cast<double>(cells.total(false)));
        cells.cut(limit < 1 ? 1 : static_cast<uint64_t>(limit), false);
      }
      if (sampling.min_p > 0) {
        for (int i = threadIdx.x; i < count; i += kThreads) {
          if (static_cast<double>(cells.weights[i]) < sampling.min_p * kUnit && first + i != best.token) cells.weights[i] = 0;
        }
        __syncthreads();
      }
      const double mass = static_cast<double>(cells.total(false));
      const uint64_t limit = static_cast<uint64_t>(floor(sampling.uniform * mass)) + 1;
      uint64_t above = 0;
      const uint32_t key = cells.reach(limit, false, above);
      if (threadIdx.x == 0) shared.token = -1;
      __syncthreads();
      cells.each_tie(key, [&](int i, int place) {
        const uint64_t weight = cells.weights[i], start = above + static_cast<uint64_t>(place) * weight;
        if (start < limit && start + weight >= limit) shared.token = first + i;
      });
      token = shared.token;
      // The block that holds the token writes it.
      if (threadIdx.x == 0 && token >= 0) {
        tokens[row] = token;
        note(sampling, token);
      }
      cooperative_groups::this_cluster().sync();
      return;
    }
  }
  if (rank == 0 && threadIdx.x == 0) {
    tokens[row] = token;
    if (token >= 0) note(sampling, token);
  }
  cooperative_groups::this_cluster().sync();
#endif
}

}  // namespace

void launch_sample_tokens(const Matrix& logits, const RowSampling* rows, int32_t* tokens, cudaStream_t stream) {
  const int part = static_cast<int>((logits.columns + kCluster - 1) / kCluster);
  const size_t shared = 2 * static_cast<size_t>(part) * sizeof(uint32_t);
  static const cudaError_t prepared = cudaFuncSetAttribute(sample_rows, cudaFuncAttributeMaxDynamicSharedMemorySize, 224 * 1024);
  check(prepared, "sampleTokens");
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim = {kCluster, 1, 1};
  cudaLaunchConfig_t configuration{};
  configuration.gridDim = dim3(kCluster, static_cast<unsigned>(logits.rows));
  configuration.blockDim = dim3(kThreads);
  configuration.dynamicSmemBytes = shared;
  configuration.stream = stream;
  configuration.attrs = &attribute;
  configuration.numAttrs = 1;
  check(cudaLaunchKernelEx(&configuration, sample_rows, rows_of<const float>(logits), static_cast<int>(logits.columns), part,
                           rows, tokens),
        "sampleTokens");
}

}  // namespace elastic
