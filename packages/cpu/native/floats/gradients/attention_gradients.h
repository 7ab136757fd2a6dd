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

/** `seen` is the first of the rows that sees the key; kLanes or more: none does. */
ELASTIC_INLINE RowGradients row_gradients(Vector scores, Vector products, Vector log_sum_exp, Vector delta, float factor,
                                          int64_t seen) {
  RowGradients result;
  result.weights = exp2_of(scores * factor - log_sum_exp);
  if (seen > 0) {
    const IntVector lanes = ELASTIC_LANE_INDICES;
    result.weights = lanes >= static_cast<int32_t>(seen < kLanes ? seen : kLanes) ? result.weights : Vector{};
  }
  result.gradients = result.weights * (products - delta);
  return result;
}

}  // namespace
}  // namespace elastic
