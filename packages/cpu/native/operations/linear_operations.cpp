#include "operations/linear_operations.h"

#include <vector>

#include "floats/kernel_table.h"
#include "gemm/multiply.h"

namespace elastic {
namespace {

constexpr int64_t kLargestSide = int64_t{1} << 31;

PackedWeight shape_of(const Call& call, int64_t outputs, int64_t inputs, int64_t dtype) {
  const bool sensible = outputs >= 0 && inputs >= 0 && outputs <= kLargestSide && inputs <= kLargestSide;
  call.require(sensible && (dtype == 0 || dtype == 1), "a weight is f32 or bf16 and has a sensible shape");
  return PackedWeight{nullptr, outputs, inputs, static_cast<DType>(dtype)};
}

/** The weight argument: its buffer as bytes, outputs, inputs, dtype. */
PackedWeight read_weight(Call& call) {
  const Matrix buffer = call.tensor("weight");
  const int64_t outputs = call.integer("outputs"), inputs = call.integer("inputs");
  PackedWeight weight = shape_of(call, outputs, inputs, call.integer("weight dtype"));
  call.require_dtype(buffer, DType::U8, "weight");
  call.require(buffer.rows == 1 && buffer.columns == weight.bytes(), "the weight's buffer has another size");
  weight.data = buffer.data;
  return weight;
}

}  // namespace

void pack_linear(Call& call) {
  const PackedWeight weight = read_weight(call);
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
  pack_weight(weight, sources);
}

void linear(Call& call) {
  Product product;
  product.input = call.tensor("input");
  product.weight = read_weight(call);
  const Matrix bias = call.optional_tensor("bias");
  product.output = call.tensor("output");
  product.accumulate = call.flag("accumulate");
  call.require_float(product.input, "input");
  call.require_float(product.output, "output");
  call.require(product.input.columns == product.weight.inputs && product.output.columns == product.weight.outputs &&
                   product.output.rows == product.input.rows,
               "input, weight and output do not fit together");
  std::vector<float> biases;
  if (bias.data != nullptr) {
    const bool fits = bias.rows == 1 && bias.columns == product.weight.outputs && bias.dtype <= DType::F16;
    call.require(fits, "bias does not fit the weight");
    biases.resize(static_cast<std::size_t>(bias.columns));
    auto* target = reinterpret_cast<char*>(biases.data());
    float_kernels().convert(bias.row(0), bias.dtype, target, DType::F32, bias.columns);
  }
  product.bias = bias.data == nullptr ? nullptr : biases.data();
  if (product.input.rows > 0 && product.weight.outputs > 0) multiply(product);
}

Napi::Value packed_weight_bytes(const Napi::CallbackInfo& info) {
  double bytes = 0;
  return guarded_value(info, [&](Call& call) {
    const int64_t outputs = call.integer("outputs"), inputs = call.integer("inputs");
    bytes = static_cast<double>(shape_of(call, outputs, inputs, call.integer("dtype")).bytes());
    return Napi::Number::New(info.Env(), bytes);
  });
}

}  // namespace elastic
