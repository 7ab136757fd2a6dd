// Products with weights, which stay row-major: cuBLASLt packs nothing.
#include <vector>

#include "addon/operations.h"
#include "core/device/check.h"
#include "core/device/device.h"
#include "gemm/cublas_lt.h"
#include "operations/row_kernels.h"
#include "training/training_operations.h"

namespace elastic::backend {
namespace {

/** An aligned dense copy of the input in the weight's type, for what cuBLASLt cannot take as it is. */
bool must_convert(const Matrix& input, DType dtype) {
  return input.dtype != dtype || reinterpret_cast<uintptr_t>(input.data) % 16 != 0 ||
         input.row_stride * byte_size(dtype) % 16 != 0;
}

/** Which side of a weight is summed over: its inputs, or on the way back its outputs. */
enum class Direction { Forward, Back };

int64_t depth_of(const WeightArgument& weight, Direction direction) {
  return direction == Direction::Forward ? weight.inputs : weight.outputs;
}

void multiply_into(const Matrix& input, const WeightArgument& weight, Direction direction, const Matrix& output, bool accumulate) {
  const int64_t depth = depth_of(weight, direction);
  multiply({input.data, input.row_stride, weight.data, output.data, output.row_stride, input.rows, depth, output.columns,
            weight.dtype, output.dtype, accumulate, direction == Direction::Back},
           Device::instance().stream);
}

void multiply_any(const Matrix& input, const WeightArgument& weight, Direction direction, const Matrix& bias,
                  const Matrix& output, bool accumulate) {
  const cudaStream_t stream = Device::instance().stream;
  const int64_t depth = depth_of(weight, direction);
  if (depth == 0) {
    const auto bytes = [&](int64_t elements) { return static_cast<size_t>(elements * byte_size(output.dtype)); };
    if (bias.data != nullptr) {
      launch_add_row(bias, output, accumulate, stream);
    } else if (!accumulate) {
      check(cudaMemset2DAsync(output.data, bytes(output.row_stride), 0, bytes(output.columns), static_cast<size_t>(output.rows), stream),
            "cudaMemset2DAsync");
    }
    return;
  }
  // Products of 16-bit matrices give float32 or their own type; others go through float32.
  const bool direct = output.dtype == weight.dtype || output.dtype == DType::F32;
  if (!direct || (bias.data != nullptr && output.dtype != DType::F32)) {
    // The sum, bias and residual included, is rounded once.
    const Scratch wide(static_cast<size_t>(output.rows * output.columns * 4));
    const Matrix sums{wide.data(), output.rows, output.columns, output.columns, DType::F32};
    if (accumulate) launch_cast(output, sums, stream);
    multiply_any(input, weight, direction, bias, sums, accumulate);
    launch_cast(sums, output, stream);
    return;
  }
  if (bias.data != nullptr) launch_add_row(bias, output, accumulate, stream);
  const bool adds = accumulate || bias.data != nullptr;
  if (!must_convert(input, weight.dtype)) return multiply_into(input, weight, direction, output, adds);
  // Rows start at multiples of 16 bytes.
  const int64_t unit = 16 / byte_size(weight.dtype), stride = (depth + unit - 1) / unit * unit;
  const Scratch copy(static_cast<size_t>(input.rows * stride * byte_size(weight.dtype)));
  const Matrix converted{copy.data(), input.rows, input.columns, stride, weight.dtype};
  launch_cast(input, converted, stream);
  multiply_into(converted, weight, direction, output, adds);
}

}  // namespace

bool packs(DType dtype) { return dtype == DType::F32 || dtype == DType::BF16 || dtype == DType::F16; }

int64_t packed_weight_bytes(int64_t outputs, int64_t inputs, DType dtype) { return outputs * inputs * byte_size(dtype); }

void pack_linear(const WeightArgument& weight, const std::vector<Matrix>& sources) {
  Matrix target{weight.data, 0, weight.inputs, weight.inputs, weight.dtype};
  for (const Matrix& source : sources) {
    target.rows = source.rows;
    launch_cast(source, target, Device::instance().stream);
    target.data = target.row(source.rows);
  }
}

void linear(const Matrix& input, const WeightArgument& weight, const Matrix& bias, const Matrix& output, bool accumulate) {
  multiply_any(input, weight, Direction::Forward, bias, output, accumulate);
}

void linear_input_gradient(const Matrix& output_gradient, const WeightArgument& weight, const Matrix& input_gradient,
                           bool accumulate) {
  multiply_any(output_gradient, weight, Direction::Back, Matrix{}, input_gradient, accumulate);
}

}  // namespace elastic::backend
