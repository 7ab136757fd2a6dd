#include "weights/many_rows/many_rows.h"

#include <algorithm>

#include "addon/operations.h"
#include "core/device/device.h"
#include "weights/many_rows/unpack_weights.h"
#include "weights/slices.h"

namespace elastic::weights {
namespace {

/** Of one panel: large enough for full products, small beside any model. */
constexpr int64_t kPanelBytes = int64_t{64} << 20;

}  // namespace

void multiply_many_rows(const Matrix& input, const WeightSegment& weight, const Matrix& bias, const Matrix& output, bool accumulate) {
  const int64_t fitting = kPanelBytes / (2 * weight.inputs) / kRecordOutputs * kRecordOutputs;
  const int64_t most = std::min(weight.outputs(), std::max<int64_t>(fitting, kRecordOutputs));
  const Scratch panel(static_cast<size_t>(2 * most * weight.inputs));
  for (int64_t first = 0; first < weight.outputs(); first += most) {
    const int64_t count = std::min(most, weight.outputs() - first);
    unpack_weights(weight, first, count, panel.data(), Device::instance().stream);
    backend::linear(input, {panel.data(), count, weight.inputs, DType::BF16}, columns_of(bias, first, count), columns_of(output, first, count),
                    accumulate);
  }
}

}  // namespace elastic::weights
