#include "weights/many_rows/e4m3_rows.h"

#include "gemm/cublas_lt.h"
#include "operations/row_kernels.h"

namespace elastic::weights {
namespace {

size_t bytes_for(const Matrix& input, int64_t row_bytes) { return static_cast<size_t>(input.rows * (row_bytes + 4)); }

int64_t aligned_row(int64_t columns) { return (columns + 15) / 16 * 16; }

}  // namespace

bool multiplies_in_e4m3(const WeightSegment& weight, const Matrix& output) {
  const bool scales_of_outputs = weight.shape.block_outputs == 1 && weight.scale_columns() == 1;
  const bool aligned = reinterpret_cast<uintptr_t>(output.data) % 16 == 0 && output.row_stride * byte_size(output.dtype) % 16 == 0;
  return weight.format() == WeightFormat::E4M3 && scales_of_outputs && aligned && weight.outputs() % 16 == 0 && multiplies_e4m3();
}

RoundedActivations::RoundedActivations(const Matrix& input, cudaStream_t stream) : memory_(bytes_for(input, aligned_row(input.columns))) {
  const int64_t row_bytes = aligned_row(input.columns);
  rows_ = {memory_.data(), row_bytes, reinterpret_cast<float*>(memory_.data() + input.rows * row_bytes)};
  round_rows(input, rows_, stream);
}

void multiply_e4m3_rows(const E4M3Rows& input, const WeightSegment& weight, const Matrix& bias, const Matrix& output, bool accumulate) {
  const cudaStream_t stream = Device::instance().stream;
  if (bias.data != nullptr && output.dtype != DType::F32) {
    // The sum, bias and residual included, is rounded once.
    const Scratch wide(static_cast<size_t>(output.rows * output.columns * 4));
    const Matrix sums{wide.data(), output.rows, output.columns, output.columns, DType::F32};
    if (accumulate) launch_cast(output, sums, stream);
    multiply_e4m3_rows(input, weight, bias, sums, accumulate);
    return launch_cast(sums, output, stream);
  }
  if (bias.data != nullptr) launch_add_row(bias, output, accumulate, stream);
  multiply({input.bytes, input.row_bytes, weight.data, output.data, output.row_stride, output.rows, weight.row_bytes(), weight.outputs(),
            DType::BF16, output.dtype, accumulate || bias.data != nullptr, false, input.scales, weight.scales()},
           stream);
}

}  // namespace elastic::weights
