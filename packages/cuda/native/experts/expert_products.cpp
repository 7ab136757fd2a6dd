// Grouped products: which kernel serves, and inputs in the weights' type.
#include "core/device/check.h"
#include "core/device/device.h"
#include "experts/expert_kernels.h"
#include "operations/row_kernels.h"

namespace elastic::backend {
namespace {

void multiply_experts(ExpertProduct product) {
  const cudaStream_t stream = Device::instance().stream;
  if (product.input.columns == 0) {
    // Nothing to sum: the plain kernel writes the biases or zeros.
    return launch_expert_plain(product, stream);
  }
  if (product.input.dtype != product.dtype) {
    const int64_t unit = 16 / byte_size(product.dtype), stride = (product.input.columns + unit - 1) / unit * unit;
    const Scratch copy(static_cast<size_t>(product.input.rows * stride * byte_size(product.dtype)));
    const Matrix converted{copy.data(), product.input.rows, product.input.columns, stride, product.dtype};
    launch_cast(product.input, converted, stream);
    product.input = converted;
    return multiply_experts(product);
  }
  // In float32 a row's sums do not depend on how many rows there are: one kernel serves few and many.
  const bool rounds = product.dtype != DType::F32;
  if (rounds && !product.back && product.input.rows <= kFewSlots) return launch_expert_rows(product, stream);
  if (serves_expert_tiles(product)) return launch_expert_tiles(product, stream);
  launch_expert_plain(product, stream);
}

ExpertProduct product_of(const Matrix& input, const Matrix& offsets, const ExpertWeights& weights, const Matrix& output, bool back) {
  const WeightArgument& first = weights.first;
  return {input,
          reinterpret_cast<const int32_t*>(offsets.data),
          first.data,
          static_cast<int>(weights.experts),
          first.outputs * first.inputs,
          first.inputs,
          first.dtype,
          Matrix{},
          output,
          back};
}

}  // namespace

void expert_linear(const Matrix& input, const Matrix& offsets, const ExpertWeights& weights, const Matrix& bias,
                   const Matrix& output) {
  ExpertProduct product = product_of(input, offsets, weights, output, false);
  product.bias = bias;
  multiply_experts(product);
}

void expert_linear_input_gradient(const Matrix& output_gradient, const Matrix& offsets, const ExpertWeights& weights,
                                  const Matrix& input_gradient) {
  multiply_experts(product_of(output_gradient, offsets, weights, input_gradient, true));
}

}  // namespace elastic::backend
