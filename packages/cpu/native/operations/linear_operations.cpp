// Products with packed weights.
#include <vector>

#include "addon/operations.h"
#include "floats/kernel_table.h"
#include "gemm/multiply.h"

namespace elastic::backend {
namespace {

PackedWeight packed(const WeightArgument& weight) {
  return PackedWeight{weight.data, weight.outputs, weight.inputs, weight.dtype};
}

}  // namespace

bool packs(DType dtype) { return dtype == DType::F32 || dtype == DType::BF16; }

int64_t packed_weight_bytes(int64_t outputs, int64_t inputs, DType dtype) {
  return PackedWeight{nullptr, outputs, inputs, dtype}.bytes();
}

void pack_linear(const WeightArgument& weight, const std::vector<Matrix>& sources) { pack_weight(packed(weight), sources); }

void linear(const Matrix& input, const WeightArgument& weight, const Matrix& bias, const Matrix& output, bool accumulate) {
  std::vector<float> biases;
  if (bias.data != nullptr) {
    biases.resize(static_cast<std::size_t>(bias.columns));
    auto* target = reinterpret_cast<char*>(biases.data());
    float_kernels().convert(bias.row(0), bias.dtype, target, DType::F32, bias.columns);
  }
  multiply(Product{input, packed(weight), bias.data == nullptr ? nullptr : biases.data(), output, accumulate});
}

}  // namespace elastic::backend
