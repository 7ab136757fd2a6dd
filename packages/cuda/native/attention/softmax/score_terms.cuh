// Soft caps and sinks on the device.
#pragma once
#include "attention/softmax/score_terms.h"
#include "core/elements/floats.cuh"

namespace elastic {

/** tanh by two fast instructions, relative error below 1e-6: near 0, where they cancel, by Taylor's polynomial. */
__device__ inline float tanh_fast(float x) {
  constexpr float two_log2_e = 2.88539008177792681f;
  const float square = x * x;
  float near = fmaf(2.1869488e-2f, square, -5.3968254e-2f);
  near = fmaf(near, square, 1.3333333e-1f);
  near = fmaf(near, square, -3.3333333e-1f);
  near = fmaf(near * square, x, x);
  return fabsf(x) < 0.3f ? near : 1.0f - __fdividef(2.0f, exp2_fast(x * two_log2_e) + 1.0f);
}

/** Caps products q · k in place, where there is a cap. */
template <int count>
__device__ inline void cap_scores(float (&S)[count], const ScoreTerms& terms) {
#pragma unroll
  for (float& score : S) score = terms.cap * tanh_fast(score * terms.cap_input);
}

/** A row's maximum in units of log2, its sum of weights, and what O is multiplied by beside them. */
struct RowTotal {
  float maximum;
  float sum;
  float share;
};

/** Takes a head's sink into the sum of a row that has seen a key. */
__device__ inline RowTotal with_sink(const float* sink_logits, int query_head, float maximum, float sum) {
  if (sink_logits == nullptr || sum == 0) return {maximum, sum, 1};
  const float sink = sink_logits[query_head] * 1.44269504088896341f, top = fmaxf(maximum, sink);
  const float share = exp2f(maximum - top);
  return {top, fmaf(sum, share, exp2f(sink - top)), share};
}

}  // namespace elastic
