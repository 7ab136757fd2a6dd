// Operations of layers of experts; see operations.h. Integers have been checked for their shapes only: on a GPU nobody has
// seen them, and what lies outside is left out there.
#pragma once
#include "addon/operations.h"

namespace elastic {

/** Equal weights one behind the other. */
struct ExpertWeights {
  WeightArgument first;
  int64_t experts;
  /** From one to the next. */
  int64_t bytes;

  WeightArgument at(int64_t expert) const { return {first.data + expert * bytes, first.outputs, first.inputs, first.dtype}; }
};

/** Which slots belong to which rows; mirrors `ExpertGroups`. */
struct ExpertGroups {
  /** I32 [1, experts + 1]. */
  Matrix offsets;
  /** I32 [1, slots]. */
  Matrix rows;
  /** I32 [rows, choices]. */
  Matrix slots;
};

namespace backend {

/** Chooses the largest logits of each row and weighs them; F32 logits and weights, I32 chosen. */
void route_experts(const Matrix& logits, const Matrix& chosen, const Matrix& weights, bool normalized);
/** Fills the groups. */
void group_by_expert(const Matrix& chosen, const ExpertGroups& groups);
/** output[slot] = input[groups.rows[slot]], of one dtype. */
void dispatch_rows(const Matrix& input, const ExpertGroups& groups, const Matrix& output);
/** output[row] (+)= sum of weights · input over the row's slots; weights may have no data. */
void combine_rows(const Matrix& input, const ExpertGroups& groups, const Matrix& weights, const Matrix& output, bool accumulate);
/** output[slot] = input[slot] · weight of the slot's expert (+ its row of bias, which may have no data). */
void expert_linear(const Matrix& input, const Matrix& offsets, const ExpertWeights& weights, const Matrix& bias,
                   const Matrix& output);

/** Another storage than `logits`. */
void route_experts_backward(const Matrix& logits, const Matrix& chosen, const Matrix& weights_gradient,
                            const Matrix& logits_gradient, bool normalized);
/** weights and weights_gradient may have no data. */
void combine_rows_backward(const Matrix& input, const ExpertGroups& groups, const Matrix& weights, const Matrix& output_gradient,
                           const Matrix& input_gradient, const Matrix& weights_gradient);
void expert_linear_input_gradient(const Matrix& output_gradient, const Matrix& offsets, const ExpertWeights& weights,
                                  const Matrix& input_gradient);

}  // namespace backend
}  // namespace elastic
