// Products of many rows with weights in e4m3, whose activations are rounded to e4m3, too.
#pragma once
#include <cuda_runtime_api.h>

#include <optional>

#include "addon/values/numeric.h"
#include "core/device/device.h"
#include "weights/quantise/round_rows.h"
#include "weights/weight_segment.h"

namespace elastic::weights {

/** Whether a segment is multiplied so: its scales are of outputs, and cuBLASLt takes weight and output. */
bool multiplies_in_e4m3(const WeightSegment& weight, const Matrix& output);

/** Activations rounded to e4m3, under a scale for each row. */
class RoundedActivations {
 public:
  RoundedActivations(const Matrix& input, cudaStream_t stream);
  const E4M3Rows& rows() const { return rows_; }

 private:
  Scratch memory_;
  E4M3Rows rows_;
};

/** output = input · weightᵀ (+ bias) (+ output), rounded once; bias may have no data. */
void multiply_e4m3_rows(const E4M3Rows& input, const WeightSegment& weight, const Matrix& bias, const Matrix& output, bool accumulate);

}  // namespace elastic::weights
