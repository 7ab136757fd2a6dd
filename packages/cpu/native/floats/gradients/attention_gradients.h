#pragma once
// Weights and score gradients of attention's backward, a vector of query rows at a time.
#include "floats/gradients/gradient_table.h"
#include "floats/vector.h"

namespace elastic {
namespace {

/** What a vector of query rows of one key becomes: their weights, and the gradients of their scores. */
struct RowGradients {
  Vector weights;
  Vector gradients;
};

/** Rows of [from, until) see the key, of a vector of them; none where the two cross. */
ELASTIC_INLINE RowGradients row_gradients(Vector scores, Vector products, Vector log_sum_exp, Vector delta,
                                          const ScoreFactors& factors, int64_t from, int64_t until) {
  RowGradients result;
  Vector capped = {};
  if (factors.cap_input != 0) {
    capped = tanh_of(scores * factors.cap_input);
    scores = capped;
  }
  result.weights = exp2_of(scores * factors.logit - log_sum_exp);
  if (from > 0 || until < kLanes) {
    const IntVector lanes = ELASTIC_LANE_INDICES;
    const Vector seen = lanes >= static_cast<int32_t>(from < kLanes ? from : kLanes) ? result.weights : Vector{};
    result.weights = lanes < static_cast<int32_t>(until < 0 ? 0 : (until < kLanes ? until : kLanes)) ? seen : Vector{};
  }
  result.gradients = result.weights * (products - delta);
  // The slope of the cap.
  if (factors.cap_input != 0) result.gradients *= 1.0f - capped * capped;
  return result;
}

}  // namespace
}  // namespace elastic
