// Online softmax without a pass over the scores for their maximum: what they came to is looked at afterwards.
#pragma once
#include "attention/softmax/online_softmax.cuh"
#include "attention/softmax/operands.cuh"

namespace elastic {

/**
 * Exponentiates against the reference as it is, and asks of each lane's sum of the tile what `rescale_lazily` asks of the
 * largest score. A sum that is large beside the row's has a dominant key, whose rounding `take_rounding` counts; scores that
 * outgrew the reference altogether must be computed again for `raise`.
 */
template <typename Element>
struct DeferredSoftmax : OnlineSoftmax {
  /** The largest sum of a lane's probabilities of a tile: each of them is then finite in the element type, and far from it. */
  static constexpr float kLargestSum = std::is_same_v<Element, __half> ? 32768.0f : 65536.0f;

  /** What rounding added to P where a key was dominant: O is divided by the sum and this, so that such rows stay exact. */
  float rounding[2];

  __device__ explicit DeferredSoftmax(float scale) : OnlineSoftmax(scale) {}

  template <int count>
  __device__ void first_step(float (&S)[count], uint32_t (&P)[count / 8][4]) {
    first_step_lazy(S);
    pack_operand<Element>(P, S);
    rounding[0] = rounding[1] = 0;
  }

  /** P of a tile as an operand, and its sums over this thread's columns. */
  template <int count>
  __device__ void exponentiate(const float (&S)[count], uint32_t (&P)[count / 8][4], float (&added)[2]) const {
    const float shift[2] = {-maximum[0] * scale_log2, -maximum[1] * scale_log2};
    added[0] = added[1] = 0;
#pragma unroll
    for (int i = 0; i < count / 2; ++i) {
      const int row = i % 2;
      const float low = exp2_fast(fmaf(S[2 * i], scale_log2, shift[row]));
      const float high = exp2_fast(fmaf(S[2 * i + 1], scale_log2, shift[row]));
      added[row] += low + high;
      P[i / 4][i % 4] = pack_pair<Element>(low, high);
    }
  }

  /** Whether a key may dominate a row of this warp; sums that are not a number count. */
  __device__ bool dominated(const float (&added)[2]) const {
    const bool own = !(added[0] <= fmaxf(1, kShare * sum[0])) || !(added[1] <= fmaxf(1, kShare * sum[1]));
    return __any_sync(0xffffffffu, own);
  }
  /** Whether scores of this warp outgrew the reference. */
  __device__ static bool outgrown(const float (&added)[2]) {
    return __any_sync(0xffffffffu, !(added[0] <= kLargestSum) || !(added[1] <= kLargestSum));
  }

  /** Brings the reference to the maximum; O must be multiplied by `rescale`. */
  template <int count>
  __device__ void raise(const float (&S)[count], float (&rescale)[2]) {
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      float highest = S[2 * row];
#pragma unroll
      for (int j = 0; j < count / 4; ++j) highest = fmaxf(highest, fmaxf(S[4 * j + 2 * row], S[4 * j + 2 * row + 1]));
      const float raised = fmaxf(maximum[row], quad_max(highest));
      rescale[row] = exp2_fast((maximum[row] - raised) * scale_log2);
      sum[row] *= rescale[row];
      rounding[row] *= rescale[row];
      maximum[row] = raised;
    }
  }

  template <int count>
  __device__ void take_rounding(const uint32_t (&P)[count][4], const float (&added)[2]) {
    float rounded[2] = {0, 0};
#pragma unroll
    for (int i = 0; i < 4 * count; ++i) rounded[i % 2] += pair_sum<Element>(P[i / 4][i % 4]);
    rounding[0] += rounded[0] - added[0];
    rounding[1] += rounded[1] - added[1];
  }

  /** Multiplies O so that dividing it by the sum divides it by the rounded sum. */
  template <int count>
  __device__ void correct(float (&O)[count]) const {
    float share[2];
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      const float exact = quad_sum(sum[row]);
      share[row] = exact / (exact + quad_sum(rounding[row]));
    }
#pragma unroll
    for (int i = 0; i < count; ++i) O[i] *= share[i / 2 % 2];
  }
};

}  // namespace elastic
