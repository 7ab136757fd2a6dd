// Layers of experts.
#include "addon/expert_operations.h"
#include "checks/checked_operations.h"

namespace elastic::checked {
namespace {

constexpr int64_t kMostExperts = 1024;

/** The groups of `rows` rows: offsets, rows, slots. */
ExpertGroups read_groups(Call& call, int64_t rows) {
  const ExpertGroups groups{call.tensor("offsets"), call.tensor("rows"), call.tensor("slots")};
  for (const Matrix* matrix : {&groups.offsets, &groups.rows, &groups.slots}) call.require_dtype(*matrix, DType::I32, "groups");
  call.require(groups.offsets.rows == 1 && groups.offsets.columns >= 2 && groups.offsets.columns <= kMostExperts + 1,
               "impossible offsets of experts");
  call.require(groups.slots.rows == rows && groups.rows.rows == 1 && groups.rows.columns == rows * groups.slots.columns,
               "the groups do not fit the rows");
  return groups;
}

ExpertWeights read_experts(Call& call) {
  const Matrix buffer = call.tensor("expert weights");
  const int64_t experts = call.integer("experts");
  const WeightArgument shape = read_weight_shape(call);
  const int64_t bytes = backend::packed_weight_bytes(shape.outputs, shape.inputs, shape.dtype);
  call.require_dtype(buffer, DType::U8, "expert weights");
  call.require(experts >= 1 && experts <= kMostExperts && buffer.rows == 1 && buffer.columns == experts * bytes,
               "the experts' buffer has another size");
  return {{buffer.data, shape.outputs, shape.inputs, shape.dtype}, experts, bytes};
}

Matrix read_offsets(Call& call, const ExpertWeights& weights) {
  const Matrix offsets = call.tensor("offsets");
  call.require_dtype(offsets, DType::I32, "offsets");
  call.require(offsets.rows == 1 && offsets.columns == weights.experts + 1, "the offsets do not fit the experts");
  return offsets;
}

/** F32 weights of choices, or their gradient, where they are given. */
Matrix read_choices(Call& call, const char* name, const Matrix& slots) {
  const Matrix choices = call.optional_tensor(name);
  if (choices.data == nullptr) return choices;
  call.require_dtype(choices, DType::F32, name);
  require_same(call, slots, choices, "weights of choices have another shape than the choices");
  return choices;
}

/** F32 [rows, experts], with as many rows as there are choices. */
void require_route(Call& call, const Matrix& logits, const Matrix& chosen, const Matrix& weights) {
  call.require_dtype(logits, DType::F32, "logits");
  call.require_dtype(chosen, DType::I32, "chosen");
  call.require_dtype(weights, DType::F32, "weights");
  require_same(call, chosen, weights, "chosen and weights differ in shape");
  call.require(chosen.rows == logits.rows && chosen.columns >= 1 && chosen.columns <= logits.columns && logits.columns <= kMostExperts,
               "impossible numbers of experts or choices");
}

}  // namespace

void route_experts(Call& call) {
  const Matrix logits = call.tensor("logits"), chosen = call.tensor("chosen"), weights = call.tensor("weights");
  const bool normalized = call.flag("normalized");
  require_route(call, logits, chosen, weights);
  if (logits.rows > 0) backend::route_experts(logits, chosen, weights, normalized);
}

void route_experts_backward(Call& call) {
  const Matrix logits = call.tensor("logits"), chosen = call.tensor("chosen"), gradient = call.tensor("weightsGradient");
  const Matrix logits_gradient = call.tensor("logitsGradient");
  const bool normalized = call.flag("normalized");
  require_route(call, logits, chosen, gradient);
  call.require_dtype(logits_gradient, DType::F32, "logitsGradient");
  require_same(call, logits, logits_gradient, "logitsGradient has another shape than logits");
  if (logits.rows > 0) backend::route_experts_backward(logits, chosen, gradient, logits_gradient, normalized);
}

void group_by_expert(Call& call) {
  const Matrix chosen = call.tensor("chosen");
  call.require_dtype(chosen, DType::I32, "chosen");
  const ExpertGroups groups = read_groups(call, chosen.rows);
  require_same(call, chosen, groups.slots, "slots have another shape than the choices");
  backend::group_by_expert(chosen, groups);
}

void dispatch_rows(Call& call) {
  const Matrix input = call.tensor("input");
  const ExpertGroups groups = read_groups(call, input.rows);
  const Matrix output = call.tensor("output");
  call.require_float(input, "input");
  call.require_dtype(output, input.dtype, "output");
  call.require(output.rows == groups.rows.columns && output.columns == input.columns, "output does not fit the slots");
  if (output.rows > 0 && output.columns > 0) backend::dispatch_rows(input, groups, output);
}

void combine_rows(Call& call) {
  const Matrix input = call.tensor("input"), output = call.tensor("output");
  const ExpertGroups groups = read_groups(call, output.rows);
  const Matrix weights = read_choices(call, "weights", groups.slots);
  const bool accumulate = call.flag("accumulate");
  call.require_float(input, "input");
  call.require_float(output, "output");
  call.require(input.rows == groups.rows.columns && output.columns == input.columns, "input does not fit the slots");
  if (output.rows > 0 && output.columns > 0) backend::combine_rows(input, groups, weights, output, accumulate);
}

void combine_rows_backward(Call& call) {
  const Matrix input = call.tensor("input"), output_gradient = call.tensor("outputGradient");
  const Matrix input_gradient = call.tensor("inputGradient");
  const ExpertGroups groups = read_groups(call, output_gradient.rows);
  const Matrix weights = read_choices(call, "weights", groups.slots);
  const Matrix weights_gradient = read_choices(call, "weightsGradient", groups.slots);
  call.require_float(input, "input");
  call.require_float(output_gradient, "outputGradient");
  call.require_float(input_gradient, "inputGradient");
  require_same(call, input, input_gradient, "inputGradient has another shape than input");
  call.require(input.rows == groups.rows.columns && output_gradient.columns == input.columns, "input does not fit the slots");
  if (output_gradient.rows == 0) return;
  backend::combine_rows_backward(input, groups, weights, output_gradient, input_gradient, weights_gradient);
}

void expert_linear(Call& call) {
  const Matrix input = call.tensor("input");
  const ExpertWeights weights = read_experts(call);
  const Matrix offsets = read_offsets(call, weights), bias = call.optional_tensor("bias"), output = call.tensor("output");
  call.require_float(input, "input");
  call.require_float(output, "output");
  call.require(input.columns == weights.first.inputs && output.columns == weights.first.outputs && output.rows == input.rows,
               "input, weight and output do not fit together");
  const bool fits = bias.data == nullptr || (bias.rows == weights.experts && bias.columns == output.columns && is_float(bias));
  call.require(fits, "bias does not fit the experts");
  if (input.rows > 0 && output.columns > 0) backend::expert_linear(input, offsets, weights, bias, output);
}

void expert_linear_input_gradient(Call& call) {
  const Matrix output_gradient = call.tensor("outputGradient");
  const ExpertWeights weights = read_experts(call);
  const Matrix offsets = read_offsets(call, weights), input_gradient = call.tensor("inputGradient");
  call.require_float(output_gradient, "outputGradient");
  call.require_float(input_gradient, "inputGradient");
  call.require(output_gradient.columns == weights.first.outputs && input_gradient.columns == weights.first.inputs &&
                   input_gradient.rows == output_gradient.rows,
               "outputGradient, weight and inputGradient do not fit together");
  if (output_gradient.rows == 0 || input_gradient.columns == 0) return;
  backend::expert_linear_input_gradient(output_gradient, offsets, weights, input_gradient);
}

}  // namespace elastic::checked
