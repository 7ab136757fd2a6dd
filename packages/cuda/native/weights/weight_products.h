// Products with weights that take less than 16 bits.
#pragma once
#include <vector>

#include "addon/values/numeric.h"
#include "weights/weight_segment.h"

namespace elastic::weights {

/** output = input · weightᵀ (+ bias) (+ output), floats of any type; the outputs of the segments lie one after another. */
void multiply_weights(const Matrix& input, const std::vector<WeightSegment>& segments, const Matrix& bias, const Matrix& output,
                      bool accumulate);

}  // namespace elastic::weights
