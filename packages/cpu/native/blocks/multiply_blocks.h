#pragma once
#include "addon/values/numeric.h"
#include "blocks/block_layout.h"

namespace elastic {

/**
 * output = input · weightᵀ (+ bias) (+ output). Few rows are rounded to int8 by blocks of 32 and multiplied as integers; for
 * many rows, panels are widened group by group and multiplied as floats of the level.
 */
void multiply_blocks(const Matrix& input, const BlockWeight& weight, const float* bias, const Matrix& output, bool accumulate);

}  // namespace elastic
