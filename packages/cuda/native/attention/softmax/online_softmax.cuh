// Online softmax of two rows a thread, in the layout of wgmma accumulators: element 4 j + 2 r + c of a thread is row
// r * 8 + lane / 4 of its warp and column 8 j + 2 (lane % 4) + c.
#pragma once
#include "attention/softmax/quads.cuh"
#include "core/elements/floats.cuh"

namespace elastic {

/**
 * Running maximum and sum of a thread's two rows; sums are over the thread's own columns until the end, when the quad adds
 * them up. `step` updates the maximum in every tile. `rescale_lazily` lets it lag behind the scores (lazy rescaling): it is
 * updated only when a probability would outgrow its bounds, because every update rescales O.
 */
struct OnlineSoftmax {
  /** Lazy rescaling: the largest probability above the lagging maximum; both 16-bit types have full precision there. */
  static constexpr float kLargest = 256;
  /**
   * And the largest as a share of the sum so far. P is rounded to 16 bits: in a row dominated by one key, that rounding
   * would be an error of O. At the maximum itself P is 1, without error.
   */
  static constexpr float kShare = 0.25f;

  float maximum[2];
  float sum[2];
  float scale_log2;

  __device__ explicit OnlineSoftmax(float scale) : scale_log2(scale) {}

  /** The first tile under lazy rescaling: turns S into P. */
  template <int count>
  __device__ void first_step_lazy(float (&S)[count]) {
    reset();
    float unused[2];
    rescale_lazily(S, unused);
    exponentiate(S);
  }

  /**
   * Updates the maximum where S outgrows it; `exponentiate` comes next. Returns whether O must be multiplied by `rescale`,
   * the same in all lanes of the warp.
   */
  template <int count>
  __device__ bool rescale_lazily(const float (&S)[count], float (&rescale)[2]) {
    float highest[2];
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      // Two chains, because each maximum depends on the one before it.
      float even = S[2 * row], odd = S[2 * row + 1];
#pragma unroll
      for (int j = 1; j < count / 4; ++j) {
        even = fmaxf(even, S[4 * j + 2 * row]);
        odd = fmaxf(odd, S[4 * j + 2 * row + 1]);
      }
      highest[row] = fmaxf(even, odd);
    }
    bool outgrown = false;
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      const float probability = exp2_fast((highest[row] - maximum[row]) * scale_log2);
      outgrown |= probability > fminf(fmaxf(sum[row] * kShare, 1), kLargest);
    }
    if (!__any_sync(0xffffffffu, outgrown)) return false;
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      const float raised = fmaxf(maximum[row], quad_max(highest[row]));
      rescale[row] = exp2_fast((maximum[row] - raised) * scale_log2);
      sum[row] *= rescale[row];
      maximum[row] = raised;
    }
    return true;
  }

  /** Turns S into P and adds it to the sums. */
  template <int count>
  __device__ void exponentiate(float (&S)[count]) {
    const float shift[2] = {-maximum[0] * scale_log2, -maximum[1] * scale_log2};
    float added[2] = {0, 0};
#pragma unroll
    for (int i = 0; i < count; ++i) {
      const int row = i / 2 % 2;
      S[i] = exp2_fast(fmaf(S[i], scale_log2, shift[row]));
      added[row] += S[i];
    }
    for (int row = 0; row < 2; ++row) sum[row] += added[row];
  }

  /** The first tile of `step`: turns S into P. */
  template <int count>
  __device__ void first_step(float (&S)[count]) {
    reset();
    float unused[2];
    step(S, unused);
  }

  /** Turns S of another tile into P; O must be multiplied by `rescale`. */
  template <int count>
  __device__ void step(float (&S)[count], float (&rescale)[2]) {
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      float highest = maximum[row];
#pragma unroll
      for (int j = 0; j < count / 4; ++j) {
        highest = fmaxf(highest, fmaxf(S[4 * j + 2 * row], S[4 * j + 2 * row + 1]));
      }
      highest = quad_max(highest);
      rescale[row] = exp2_fast((maximum[row] - highest) * scale_log2);
      maximum[row] = highest;
      const float shift = -highest * scale_log2;
      float added = 0;
#pragma unroll
      for (int j = 0; j < count / 4; ++j) {
#pragma unroll
        for (int column = 0; column < 2; ++column) {
          float& score = S[4 * j + 2 * row + column];
          score = exp2_fast(fmaf(score, scale_log2, shift));
          added += score;
        }
      }
      sum[row] = fmaf(sum[row], rescale[row], added);
    }
  }

 private:
  __device__ void reset() {
    maximum[0] = maximum[1] = -INFINITY;
    sum[0] = sum[1] = 0;
  }
};

}  // namespace elastic
