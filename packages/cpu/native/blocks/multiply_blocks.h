#pragma once
#include "addon/values/numeric.h"
#include "blocks/block_weight.h"

namespace elastic {

/**
 * output = input · weightᵀ (+ bias) (+ output). Rows are rounded to int8 by blocks of 32 and multiplied as integers. With AMX
 * that has no products of int8 panels are widened to bf16 group by group for many rows, which its tiles multiply faster.
 */
void multiply_blocks(const Matrix& input, const BlockWeight& weight, const float* bias, const Matrix& output, bool accumulate);

}  // namespace elastic
