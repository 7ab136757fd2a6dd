// Log-probabilities from the logits as the model gives them. A thread block takes a part of a row: its largest logit, its
// sum of exponentials and its most likely tokens; one warp joins the parts of a row. Sums are double, in a fixed order.
#include "core/device/check.h"
#include "core/device/device.h"
#include "core/elements/floats.cuh"
#include "sampling/sample_call.h"

namespace elastic {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr int kPart = 8192;
constexpr unsigned kAllLanes = 0xffffffffu;

/** A token and its logit; token -1 is none. */
struct Likely {
  float logit;
  int token;
};

/** Most likely first; of equals the lowest token. */
__device__ inline bool precedes(Likely a, Likely b) {
  if (b.token < 0) return a.token >= 0;
  return a.token >= 0 && (a.logit > b.logit || (a.logit == b.logit && a.token < b.token));
}

/** What is known of a part of a row. */
struct PartResult {
  double sum;
  float largest;
  Likely top[kMostTopTokens];
};

__device__ inline Likely first_of_warp(Likely best) {
  for (int step = 16; step > 0; step /= 2) {
    const Likely other{__shfl_xor_sync(kAllLanes, best.logit, step), __shfl_xor_sync(kAllLanes, best.token, step)};
    if (precedes(other, best)) best = other;
  }
  return best;
}

__device__ inline double sum_of_warp(double sum) {
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(kAllLanes, sum, step);
  return sum;
}

/** The first of all logits behind `last`; every thread gets it. */
__device__ Likely first_behind(const float* logits, int count, int first_token, Likely last, Likely* warps) {
  Likely best{-INFINITY, -1};
  for (int i = threadIdx.x; i < count; i += kThreads) {
    const Likely each{logits[i], first_token + i};
    if (each.logit == each.logit && (last.token < 0 || precedes(last, each)) && precedes(each, best)) best = each;
  }
  best = first_of_warp(best);
  __syncthreads();
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = best;
  __syncthreads();
  best = warps[0];
  for (int warp = 1; warp < kWarps; ++warp) {
    if (precedes(warps[warp], best)) best = warps[warp];
  }
  return best;
}

__global__ void __launch_bounds__(kThreads) read_parts(Rows<const float> logits, int vocabulary, const int32_t* top, PartResult* results) {
  __shared__ float values[kPart];
  __shared__ Likely warps[kWarps];
  __shared__ double sums[kWarps];
  const int row = blockIdx.y, wanted = top[row];
  if (wanted < 0) return;
  const int first = blockIdx.x * kPart, count = min(kPart, vocabulary - first);
  const float* source = logits[row] + first;
  for (int i = threadIdx.x; i < count; i += kThreads) values[i] = source[i];
  __syncthreads();
  PartResult& result = results[row * gridDim.x + blockIdx.x];
  Likely last = first_behind(values, count, first, Likely{0, -1}, warps);
  const float largest = last.token < 0 ? -INFINITY : last.logit;
  double sum = 0;
  for (int i = threadIdx.x; i < count; i += kThreads) {
    // Of a part without a possible token the differences would be no numbers.
    if (values[i] > -INFINITY) sum += exp(static_cast<double>(values[i]) - static_cast<double>(largest));
  }
  sum = sum_of_warp(sum);
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    result.largest = largest;
    result.sum = 0;
    for (const double each : sums) result.sum += each;
  }
  for (int i = 0; i < wanted; ++i) {
    if (i > 0 && last.token >= 0) last = first_behind(values, count, first, last, warps);
    if (threadIdx.x == 0) result.top[i] = last;
  }
}

/** One warp a row. */
__global__ void __launch_bounds__(32) join_parts(Rows<const float> logits, int parts, const int32_t* tokens, const int32_t* top,
                                                 const PartResult* results, Rows<float> values, Rows<int32_t> top_tokens) {
  const int row = blockIdx.x, wanted = top[row], token = tokens[row], lane = static_cast<int>(threadIdx.x);
  if (wanted < 0 || token < 0) return;
  const PartResult* parts_of_row = results + static_cast<int64_t>(row) * parts;
  float largest = -INFINITY;
  for (int part = 0; part < parts; ++part) largest = fmaxf(largest, parts_of_row[part].largest);
  double sum = 0;
  for (int part = 0; part < parts; ++part) {
    const PartResult& each = parts_of_row[part];
    if (each.sum > 0) sum += each.sum * exp(static_cast<double>(each.largest) - static_cast<double>(largest));
  }
  const double log_sum = log(sum);
  const auto log_probability = [&](float logit) {
    return static_cast<float>(static_cast<double>(logit) - static_cast<double>(largest) - log_sum);
  };
  if (lane == 0) values[row][0] = log_probability(logits[row][token]);
  Likely last{0, -1};
  for (int i = 0; i < wanted; ++i) {
    Likely best{-INFINITY, -1};
    for (int index = lane; index < parts * wanted; index += 32) {
      const Likely each = parts_of_row[index / wanted].top[index % wanted];
      if (each.token >= 0 && (i == 0 || (last.token >= 0 && precedes(last, each))) && precedes(each, best)) best = each;
    }
    last = first_of_warp(best);
    if (lane == 0) {
      top_tokens[row][i] = last.token;
      values[row][1 + i] = last.token < 0 ? 0.0f : log_probability(last.logit);
    }
  }
}

}  // namespace

void launch_log_probabilities(const LogProbabilityCall& call, const int32_t* top, cudaStream_t stream) {
  const int parts = static_cast<int>((call.logits.columns + kPart - 1) / kPart), rows = static_cast<int>(call.logits.rows);
  const Scratch results(static_cast<std::size_t>(parts) * static_cast<std::size_t>(rows) * sizeof(PartResult));
  auto* of_parts = reinterpret_cast<PartResult*>(results.data());
  const auto logits = rows_of<const float>(call.logits);
  read_parts<<<dim3(parts, rows), kThreads, 0, stream>>>(logits, static_cast<int>(call.logits.columns), top, of_parts);
  check(cudaGetLastError(), "logProbabilities");
  join_parts<<<rows, 32, 0, stream>>>(logits, parts, call.tokens, top, of_parts, rows_of<float>(call.values),
                                      rows_of<int32_t>(call.top_tokens));
  check(cudaGetLastError(), "logProbabilities");
}

}  // namespace elastic
