// Products of many rows of activations with weights that take less than 16 bits: by panels that are unpacked to bf16.
#pragma once
#include "addon/values/numeric.h"
#include "weights/weight_segment.h"

namespace elastic::weights {

/**
 * output = input · weightᵀ (+ bias) (+ output) for the outputs of one segment.
 * @param input bf16, aligned as cuBLASLt wants it
 * @param bias one row, or without data
 */
void multiply_many_rows(const Matrix& input, const WeightSegment& weight, const Matrix& bias, const Matrix& output, bool accumulate);

}  // namespace elastic::weights
