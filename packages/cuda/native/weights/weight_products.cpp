#include "weights/weight_products.h"

#include <optional>

#include "core/device/check.h"
#include "core/device/device.h"
#include "operations/row_kernels.h"
#include "weights/few_rows/few_rows.h"
#include "weights/many_rows/e4m3_rows.h"
#include "weights/many_rows/many_rows.h"
#include "weights/slices.h"

namespace elastic::weights {
namespace {

/** Beyond this many rows unpacking costs less than reading the weights again for each pass. */
constexpr int64_t kMostFewRows = 2 * kMostPassRows;

/** Activations in bf16 whose rows begin at multiples of 16 bytes and, behind their inputs, have zeros up to such a multiple. */
class Activations {
 public:
  Activations(const Matrix& input, cudaStream_t stream) : matrix_(input) {
    const bool fits = input.dtype == DType::BF16 && reinterpret_cast<uintptr_t>(input.data) % 16 == 0 && input.row_stride % 8 == 0 &&
                      input.columns % 8 == 0;
    if (fits) return;
    const int64_t stride = (input.columns + 7) / 8 * 8;
    const auto bytes = static_cast<size_t>(2 * input.rows * stride);
    copy_.emplace(bytes);
    matrix_ = {copy_->data(), input.rows, input.columns, stride, DType::BF16};
    if (stride != input.columns) check(cudaMemsetAsync(copy_->data(), 0, bytes, stream), "cudaMemsetAsync");
    launch_cast(input, matrix_, stream);
  }
  const Matrix& matrix() const { return matrix_; }

 private:
  std::optional<Scratch> copy_;
  Matrix matrix_;
};

}  // namespace

void multiply_weights(const Matrix& input, const std::vector<WeightSegment>& segments, const Matrix& bias, const Matrix& output,
                      bool accumulate) {
  const cudaStream_t stream = Device::instance().stream;
  const Activations activations(input, stream);
  const Matrix& rows = activations.matrix();
  std::optional<RoundedActivations> rounded;
  std::optional<ScalesOf> rounded_as;
  int64_t first = 0;
  for (const WeightSegment& segment : segments) {
    const Matrix own_bias = columns_of(bias, first, segment.outputs()), own_output = columns_of(output, first, segment.outputs());
    first += segment.outputs();
    if (segment.outputs() == 0) continue;
    const std::optional<ScalesOf> scales = input.rows > kMostFewRows ? e4m3_scales(segment, rows, own_output) : std::nullopt;
    if (scales) {
      // Segments under the same kind of scales share what is rounded for the first.
      if (rounded_as != scales) rounded.emplace(rows, *scales, stream);
      rounded_as = scales;
      multiply_e4m3_rows(rounded->rows(), segment, own_bias, own_output, accumulate);
    } else if (input.rows > kMostFewRows) {
      multiply_many_rows(rows, segment, own_bias, own_output, accumulate);
    } else {
      multiply_few_rows({segment, rows.data, rows.row_stride, static_cast<int>(rows.rows), own_output.data, own_output.row_stride,
                         output.dtype, own_bias.data, own_bias.dtype, accumulate},
                        stream);
    }
  }
}

}  // namespace elastic::weights
