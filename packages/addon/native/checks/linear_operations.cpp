// Weights and products with them.
#include "checks/checked_operations.h"

namespace elastic::checked {
namespace {

constexpr int64_t kLargestSide = int64_t{1} << 31;

int64_t bytes_of(const WeightArgument& weight) {
  return backend::packed_weight_bytes(weight.outputs, weight.inputs, weight.dtype);
}

}  // namespace

WeightArgument read_weight_shape(Call& call) {
  const int64_t outputs = call.integer("outputs"), inputs = call.integer("inputs");
  const int64_t dtype = call.integer("weight dtype");
  const bool sensible = outputs >= 0 && inputs >= 0 && outputs <= kLargestSide && inputs <= kLargestSide;
  call.require(sensible && dtype >= 0 && dtype <= 2 && backend::packs(static_cast<DType>(dtype)),
               "a weight has a type that is packed and a sensible shape");
  return WeightArgument{nullptr, outputs, inputs, static_cast<DType>(dtype)};
}

WeightArgument read_weight(Call& call) {
  const Matrix buffer = call.tensor("weight");
  WeightArgument weight = read_weight_shape(call);
  call.require_dtype(buffer, DType::U8, "weight");
  call.require(buffer.rows == 1 && buffer.columns == bytes_of(weight), "the weight's buffer has another size");
  weight.data = buffer.data;
  return weight;
}

int64_t packed_weight_bytes(Call& call) { return bytes_of(read_weight_shape(call)); }

void pack_linear(Call& call) {
  const WeightArgument weight = read_weight(call);
  const int64_t count = call.integer("sources");
  std::vector<Matrix> sources;
  int64_t outputs = 0;
  for (int64_t i = 0; i < count; ++i) {
    sources.push_back(call.tensor("source"));
    const Matrix& source = sources.back();
    call.require(source.dtype <= DType::F16 && source.columns == weight.inputs, "a source has other inputs");
    outputs += source.rows;
  }
  call.require(outputs == weight.outputs, "the sources have other outputs");
  backend::pack_linear(weight, sources);
}

void linear(Call& call) {
  const Matrix input = call.tensor("input");
  const WeightArgument weight = read_weight(call);
  const Matrix bias = call.optional_tensor("bias"), output = call.tensor("output");
  const bool accumulate = call.flag("accumulate");
  call.require_float(input, "input");
  call.require_float(output, "output");
  call.require(input.columns == weight.inputs && output.columns == weight.outputs && output.rows == input.rows,
               "input, weight and output do not fit together");
  const bool fits = bias.data == nullptr || (bias.rows == 1 && bias.columns == weight.outputs && is_float(bias));
  call.require(fits, "bias does not fit the weight");
  if (input.rows > 0 && weight.outputs > 0) backend::linear(input, weight, bias, output, accumulate);
}

}  // namespace elastic::checked
