// Layers of experts: the host sees the integers here, and splits the work by them.
#include "addon/expert_operations.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string>

#include "core/row_tasks.h"
#include "core/scratch.h"
#include "floats/elements/element_table.h"
#include "gemm/multiply.h"
#include "operations/expert_ranges.h"

namespace elastic::backend {
namespace {

/** What an expert ranks by: what is no number comes last. */
float rank(float logit) { return std::isnan(logit) ? -INFINITY : logit; }

void require_expert(int64_t expert, int64_t experts) {
  if (expert >= 0 && expert < experts) return;
  throw std::range_error("there is no expert " + std::to_string(expert) + " among " + std::to_string(experts));
}

}  // namespace

void route_experts(const Matrix& logits, const Matrix& chosen, const Matrix& weights, bool normalized) {
  const int64_t experts = logits.columns, choices = chosen.columns;
  for_rows(logits, [&](int64_t row) {
    const float* values = logits.floats(row);
    Scratch scratch;
    auto* order = scratch.take<int32_t>(experts);
    std::iota(order, order + experts, 0);
    std::partial_sort(order, order + choices, order + experts, [&](int32_t a, int32_t b) {
      const float left = rank(values[a]), right = rank(values[b]);
      return left > right || (left == right && a < b);
    });
    const float largest = values[order[0]];
    float sum = 0;
    for (int64_t i = 0; i < (normalized ? choices : experts); ++i) sum += std::exp(values[order[i]] - largest);
    for (int64_t i = 0; i < choices; ++i) {
      chosen.integers(row)[i] = order[i];
      weights.floats(row)[i] = std::exp(values[order[i]] - largest) / sum;
    }
  });
}

void group_by_expert(const Matrix& chosen, const ExpertGroups& groups) {
  const int64_t experts = groups.offsets.columns - 1;
  int32_t* offsets = groups.offsets.integers(0);
  std::fill(offsets, offsets + experts + 1, 0);
  for (int64_t row = 0; row < chosen.rows; ++row) {
    for (int64_t i = 0; i < chosen.columns; ++i) {
      const int32_t expert = chosen.integers(row)[i];
      require_expert(expert, experts);
      ++offsets[expert + 1];
    }
  }
  std::partial_sum(offsets, offsets + experts + 1, offsets);
  Scratch scratch;
  auto* next = scratch.take<int32_t>(experts);
  std::copy(offsets, offsets + experts, next);
  for (int64_t row = 0; row < chosen.rows; ++row) {
    for (int64_t i = 0; i < chosen.columns; ++i) {
      const int32_t slot = next[chosen.integers(row)[i]]++;
      groups.rows.integers(0)[slot] = static_cast<int32_t>(row);
      groups.slots.integers(row)[i] = slot;
    }
  }
}

void dispatch_rows(const Matrix& input, const ExpertGroups& groups, const Matrix& output) {
  const int32_t* rows = groups.rows.integers(0);
  require_indices(groups.rows, input.rows, "row");
  for_rows(output, [&](int64_t slot) {
    float_kernels().convert(input.row(rows[slot]), input.dtype, output.row(slot), output.dtype, output.columns);
  });
}

void combine_rows(const Matrix& input, const ExpertGroups& groups, const Matrix& weights, const Matrix& output, bool accumulate) {
  require_indices(groups.slots, input.rows, "slot");
  const ElementKernels& kernels = element_kernels();
  for_rows(output, [&](int64_t row) {
    Scratch scratch;
    auto* sums = scratch.take<float>(output.columns);
    std::fill(sums, sums + output.columns, 0.0f);
    for (int64_t i = 0; i < groups.slots.columns; ++i) {
      const float weight = weights.data == nullptr ? 1.0f : weights.floats(row)[i];
      kernels.add_to_floats(input.row(groups.slots.integers(row)[i]), input.dtype, weight, sums, output.columns);
    }
    float_kernels().finish_row(sums, nullptr, output.row(row), output.dtype, accumulate, output.columns);
  });
}

void expert_linear(const Matrix& input, const Matrix& offsets, const ExpertWeights& weights, const Matrix& bias,
                   const Matrix& output) {
  std::vector<float> biases;
  for_experts(offsets, input.rows, [&](int64_t expert, int64_t first, int64_t last) {
    if (bias.data != nullptr) biases = widened(row_of(bias, expert));
    const WeightArgument weight = weights.at(expert);
    multiply(Product{rows_between(input, first, last), PackedWeight{weight.data, weight.outputs, weight.inputs, weight.dtype},
                     bias.data == nullptr ? nullptr : biases.data(), rows_between(output, first, last), false});
  });
}

}  // namespace elastic::backend
