// From q · k to the logits of the softmax.
#pragma once
#include <cmath>

#include "addon/attention_call.h"
#include "floats/kernel_table.h"

namespace elastic {

/** What brings scores as {@link cap_scores} leaves them to logits in units of log2. Internal linkage, as kernels need it. */
static inline float logit_factor(const AttentionCall& call) {
  return (call.soft_cap > 0 ? 1.0f : call.scale) * 1.44269504f;
}

/** Caps n products q · k in place, n a multiple of 16, where the call has a soft cap. */
static inline void cap_scores(const AttentionCall& call, float* scores, int64_t n) {
  if (call.soft_cap > 0) float_kernels().cap_scores(scores, n, call.scale, call.soft_cap);
}

/** How far above a tile's scores the running maximum of a row must lie, as a negative number in units of log2, for the tile to be left out. */
static inline float skip_limit(float skip_factor, int64_t keys_seen) {
  return std::fmin(0.0f, std::log2(skip_factor / static_cast<float>(keys_seen)));
}

}  // namespace elastic
