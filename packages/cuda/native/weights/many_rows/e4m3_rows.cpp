#include "weights/many_rows/e4m3_rows.h"

#include "operations/row_kernels.h"

namespace elastic::weights {
namespace {

int64_t aligned_row(int64_t columns) { return (columns + 15) / 16 * 16; }

int64_t num_scales(const Matrix& input, ScalesOf scales_of) { return scales_of == ScalesOf::Vectors ? input.rows : input.rows * (input.columns / 128); }

}  // namespace

std::optional<ScalesOf> e4m3_scales(const WeightSegment& weight, const Matrix& input, const Matrix& output) {
  const bool aligned = reinterpret_cast<uintptr_t>(output.data) % 16 == 0 && output.row_stride * byte_size(output.dtype) % 16 == 0;
  if (weight.format() != WeightFormat::E4M3 || !aligned || weight.outputs() % 16 != 0) return std::nullopt;
  const SegmentShape& shape = weight.shape;
  if (shape.block_outputs == 1 && weight.scale_columns() == 1 && multiplies_e4m3(ScalesOf::Vectors)) return ScalesOf::Vectors;
  const bool blocks = shape.block_outputs == 128 && shape.block_inputs == 128 && weight.inputs % 512 == 0 && input.rows % 4 == 0;
  if (blocks && multiplies_e4m3(ScalesOf::Blocks)) return ScalesOf::Blocks;
  return std::nullopt;
}

RoundedActivations::RoundedActivations(const Matrix& input, ScalesOf scales_of, cudaStream_t stream)
    : memory_(static_cast<size_t>(input.rows * aligned_row(input.columns) + 4 * num_scales(input, scales_of))) {
  const int64_t row_bytes = aligned_row(input.columns);
  rows_ = {memory_.data(), row_bytes, reinterpret_cast<float*>(memory_.data() + input.rows * row_bytes), scales_of == ScalesOf::Blocks};
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
            DType::BF16, output.dtype, accumulate || bias.data != nullptr, false, input.scales, weight.scales(),
            input.blocks ? ScalesOf::Blocks : ScalesOf::Vectors},
           stream);
}

}  // namespace elastic::weights
