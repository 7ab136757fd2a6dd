// Gradients of layers of experts.
#include <algorithm>
#include <cmath>

#include "addon/expert_operations.h"
#include "core/row_tasks.h"
#include "core/scratch.h"
#include "floats/elements/element_table.h"
#include "floats/gradients/gradient_table.h"
#include "operations/expert_ranges.h"
#include "training/training_operations.h"

namespace elastic::backend {

void route_experts_backward(const Matrix& logits, const Matrix& chosen, const Matrix& weights_gradient,
                            const Matrix& logits_gradient, bool normalized) {
  const int64_t experts = logits.columns, choices = chosen.columns;
  require_indices(chosen, experts, "expert");
  for_rows(logits, [&](int64_t row) {
    const float *values = logits.floats(row), *gradients = weights_gradient.floats(row);
    const int32_t* best = chosen.integers(row);
    float* result = logits_gradient.floats(row);
    const float largest = values[best[0]];
    const auto each = [&](const auto& fn) {
      for (int64_t i = 0; i < (normalized ? choices : experts); ++i) fn(normalized ? best[i] : i);
    };
    float sum = 0, mean = 0;
    each([&](int64_t expert) { sum += std::exp(values[expert] - largest); });
    const auto weight = [&](int64_t expert) { return std::exp(values[expert] - largest) / sum; };
    for (int64_t i = 0; i < choices; ++i) mean += weight(best[i]) * gradients[i];
    std::fill(result, result + experts, 0.0f);
    each([&](int64_t expert) { result[expert] = -weight(expert) * mean; });
    for (int64_t i = 0; i < choices; ++i) result[best[i]] = weight(best[i]) * (gradients[i] - mean);
  });
}

void combine_rows_backward(const Matrix& input, const ExpertGroups& groups, const Matrix& weights, const Matrix& output_gradient,
                           const Matrix& input_gradient, const Matrix& weights_gradient) {
  require_indices(groups.slots, input.rows, "slot");
  for_rows(output_gradient, [&](int64_t row) {
    const char* gradient = output_gradient.row(row);
    for (int64_t i = 0; i < groups.slots.columns; ++i) {
      const int64_t slot = groups.slots.integers(row)[i];
      // First the product: the gradient may replace the slot's input.
      if (weights_gradient.data != nullptr) {
        weights_gradient.floats(row)[i] =
            gradient_kernels().dot(input.row(slot), input.dtype, gradient, output_gradient.dtype, input.columns);
      }
      const float weight = weights.data == nullptr ? 1.0f : weights.floats(row)[i];
      element_kernels().scale(gradient, output_gradient.dtype, weight, 0.0f, input_gradient.row(slot), input_gradient.dtype,
                              input.columns);
    }
  });
}

void expert_linear_input_gradient(const Matrix& output_gradient, const Matrix& offsets, const ExpertWeights& weights,
                                  const Matrix& input_gradient) {
  for_experts(offsets, output_gradient.rows, [&](int64_t expert, int64_t first, int64_t last) {
    linear_input_gradient(rows_between(output_gradient, first, last), weights.at(expert), rows_between(input_gradient, first, last),
                          false);
  });
}

}  // namespace elastic::backend
