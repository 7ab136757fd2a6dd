// Products of many rows with weights in e4m3, whose activations are rounded to e4m3, too.
#pragma once
#include <cuda_runtime_api.h>

#include <optional>

#include "addon/values/numeric.h"
#include "core/device/device.h"
#include "gemm/cublas_lt.h"
#include "weights/quantise/round_rows.h"
#include "weights/weight_segment.h"

namespace elastic::weights {

/** What the scales of a segment are of, where it is multiplied so: where cuBLASLt takes weight, activations and output. */
std::optional<ScalesOf> e4m3_scales(const WeightSegment& weight, const Matrix& input, const Matrix& output);

/** Activations rounded to e4m3, under a scale for each row, or for each 128 inputs of a row. */
class RoundedActivations {
 public:
  RoundedActivations(const Matrix& input, ScalesOf scales_of, cudaStream_t stream);
  const E4M3Rows& rows() const { return rows_; }

 private:
  Scratch memory_;
  E4M3Rows rows_;
};

/** output = input · weightᵀ (+ bias) (+ output), rounded once; bias may have no data. */
void multiply_e4m3_rows(const E4M3Rows& input, const WeightSegment& weight, const Matrix& bias, const Matrix& output, bool accumulate);

}  // namespace elastic::weights
