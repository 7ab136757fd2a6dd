// Which experts a row goes to, and where its slots lie.
#include "core/device/check.h"
#include "core/device/device.h"
#include "core/elements/floats.cuh"
#include "addon/expert_operations.h"

namespace elastic {
namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32;

/** An expert and what it ranks by: larger logits first, of equal ones the lower number. */
struct Ranked {
  float value;
  int expert;
  __device__ bool before(const Ranked& other) const {
    return value > other.value || (value == other.value && expert < other.expert);
  }
};

/** The first of all lanes. */
__device__ Ranked first_of_warp(Ranked best) {
  for (int step = 16; step > 0; step /= 2) {
    const Ranked other{__shfl_xor_sync(0xffffffffu, best.value, step), __shfl_xor_sync(0xffffffffu, best.expert, step)};
    if (other.before(best)) best = other;
  }
  return best;
}

/** What is no number ranks last, so that the chosen ones are always different experts. */
__device__ float rank(float logit) { return isnan(logit) ? -INFINITY : logit; }

/** A warp for a row: each choice is the first behind the one before. */
__global__ void __launch_bounds__(kThreads)
    choose_experts(Rows<const float> logits, Rows<int32_t> chosen, Rows<float> weights, int64_t rows, int experts, int choices, bool normalized) {
  const int64_t row = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) / 32;
  if (row >= rows) return;
  const int lane = threadIdx.x % 32;
  const float* x = logits[row];
  Ranked last{INFINITY, -1};
  float largest = 0, sum = 0;
  for (int choice = 0; choice < choices; ++choice) {
    Ranked best{-INFINITY, INT32_MAX};
    for (int expert = lane; expert < experts; expert += 32) {
      const Ranked candidate{rank(x[expert]), expert};
      if (last.before(candidate) && candidate.before(best)) best = candidate;
    }
    last = first_of_warp(best);
    if (choice == 0) largest = x[last.expert];
    sum += expf(x[last.expert] - largest);
    if (lane == 0) chosen[row][choice] = last.expert;
  }
  if (!normalized) {
    float mine = 0;
    for (int expert = lane; expert < experts; expert += 32) mine += expf(x[expert] - largest);
    sum = warp_sum(mine);
  }
  __syncwarp();
  for (int choice = lane; choice < choices; choice += 32) weights[row][choice] = expf(x[chosen[row][choice]] - largest) / sum;
}

/** A warp for a row. */
__global__ void __launch_bounds__(kThreads)
    choice_gradients(Rows<const float> logits, Rows<const int32_t> chosen, Rows<const float> weights_gradient, Rows<float> logits_gradient,
                     int64_t rows, int experts, int choices, bool normalized) {
  const int64_t row = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) / 32;
  if (row >= rows) return;
  const int lane = threadIdx.x % 32;
  const float* x = logits[row];
  const int32_t* best = chosen[row];
  const auto expert_at = [&](int choice) { return min(max(best[choice], 0), experts - 1); };
  const float largest = x[expert_at(0)];
  float sum = 0, products = 0;
  for (int choice = lane; choice < choices; choice += 32) {
    const float weight = expf(x[expert_at(choice)] - largest);
    products += weight * weights_gradient[row][choice];
    if (normalized) sum += weight;
  }
  if (!normalized) {
    for (int expert = lane; expert < experts; expert += 32) sum += expf(x[expert] - largest);
  }
  sum = warp_sum(sum);
  const float mean = warp_sum(products) / sum;
  for (int expert = lane; expert < experts; expert += 32) {
    logits_gradient[row][expert] = normalized ? 0.0f : -expf(x[expert] - largest) / sum * mean;
  }
  __syncwarp();
  for (int choice = lane; choice < choices; choice += 32) {
    const int expert = expert_at(choice);
    logits_gradient[row][expert] = expf(x[expert] - largest) / sum * (weights_gradient[row][choice] - mean);
  }
}

/**
 * A block for an expert: it counts the choices of the experts before it, then places its own in order. Choices outside of
 * the experts get slot -1, and as many slots at the end hold row -1.
 */
__global__ void __launch_bounds__(kThreads)
    place_choices(Rows<const int32_t> chosen, int columns, int total, int experts, int32_t* offsets, int32_t* rows, Rows<int32_t> slots) {
  __shared__ int counts[kWarps];
  const int expert = static_cast<int>(blockIdx.x), warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const auto choice_at = [&](int index) { return chosen[index / columns][index % columns]; };
  int before = 0, valid = 0;
  for (int i = threadIdx.x; i < total; i += kThreads) {
    const int choice = choice_at(i);
    before += choice >= 0 && choice < expert;
    valid += choice >= 0 && choice < experts;
  }
  const auto block_total = [&](int value) {
    for (int step = 16; step > 0; step /= 2) value += __shfl_xor_sync(0xffffffffu, value, step);
    if (lane == 0) counts[warp] = value;
    __syncthreads();
    int sum = 0;
    for (int i = 0; i < kWarps; ++i) sum += counts[i];
    __syncthreads();
    return sum;
  };
  int next = block_total(before);
  if (threadIdx.x == 0) offsets[expert] = next;
  if (expert == experts - 1) {
    const int all = block_total(valid);
    if (threadIdx.x == 0) offsets[experts] = all;
    for (int i = all + static_cast<int>(threadIdx.x); i < total; i += kThreads) rows[i] = -1;
  }
  for (int base = 0; base < total; base += kThreads) {
    const int index = base + static_cast<int>(threadIdx.x);
    const int choice = index < total ? choice_at(index) : -1;
    const bool mine = index < total && choice == expert;
    const unsigned votes = __ballot_sync(0xffffffffu, mine);
    if (lane == 0) counts[warp] = __popc(votes);
    __syncthreads();
    int slot = next + __popc(votes & ((1u << lane) - 1));
    for (int i = 0; i < warp; ++i) slot += counts[i];
    if (mine) {
      rows[slot] = index / columns;
      slots[index / columns][index % columns] = slot;
    } else if (expert == 0 && index < total && (choice < 0 || choice >= experts)) {
      slots[index / columns][index % columns] = -1;
    }
    for (int i = 0; i < kWarps; ++i) next += counts[i];
    __syncthreads();
  }
}

unsigned warp_blocks(int64_t rows) { return static_cast<unsigned>((rows + kWarps - 1) / kWarps); }
cudaStream_t stream() { return Device::instance().stream; }

}  // namespace

namespace backend {

void route_experts(const Matrix& logits, const Matrix& chosen, const Matrix& weights, bool normalized) {
  choose_experts<<<warp_blocks(logits.rows), kThreads, 0, stream()>>>(
      rows_of<const float>(logits), rows_of<int32_t>(chosen), rows_of<float>(weights), logits.rows, static_cast<int>(logits.columns),
      static_cast<int>(chosen.columns), normalized);
  check(cudaGetLastError(), "routeExperts");
}

void route_experts_backward(const Matrix& logits, const Matrix& chosen, const Matrix& weights_gradient,
                            const Matrix& logits_gradient, bool normalized) {
  choice_gradients<<<warp_blocks(logits.rows), kThreads, 0, stream()>>>(
      rows_of<const float>(logits), rows_of<const int32_t>(chosen), rows_of<const float>(weights_gradient),
      rows_of<float>(logits_gradient), logits.rows, static_cast<int>(logits.columns), static_cast<int>(chosen.columns), normalized);
  check(cudaGetLastError(), "routeExpertsBackward");
}

void group_by_expert(const Matrix& chosen, const ExpertGroups& groups) {
  const int experts = static_cast<int>(groups.offsets.columns - 1);
  place_choices<<<static_cast<unsigned>(experts), kThreads, 0, stream()>>>(
      rows_of<const int32_t>(chosen), static_cast<int>(chosen.columns), static_cast<int>(chosen.rows * chosen.columns), experts,
      reinterpret_cast<int32_t*>(groups.offsets.data), reinterpret_cast<int32_t*>(groups.rows.data), rows_of<int32_t>(groups.slots));
  check(cudaGetLastError(), "groupByExpert");
}

}  // namespace backend
}  // namespace elastic
