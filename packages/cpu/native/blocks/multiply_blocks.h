#pragma once
#include "addon/values/numeric.h"
#include "blocks/block_layout.h"

namespace elastic {

/**
 * output = input · weightᵀ (+ bias) (+ output). Rows are rounded to int8 by blocks of 32 and multiplied as integers. Where
 * AMX's bf16 tiles, or on plain processors floats, are faster, panels are widened group by group for many rows.
 */
void multiply_blocks(const Matrix& input, const BlockWeight& weight, const float* bias, const Matrix& output, bool accumulate);

}  // namespace elastic
