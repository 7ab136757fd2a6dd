// From antidiagonal scores to selected blocks.
#pragma once
#include <cuda_runtime_api.h>

#include "addon/operations.h"
#include "selection/estimate_sm90.h"

namespace elastic {

/**
 * Softmax over the scores of a few blocks of query groups, block masses, and the choice: writes whole rows of `visited`.
 *
 * @param scores F32 [heads, rows, stride], of the groups from `first` on; `first` is a multiple of the groups of a block
 *   and `stride` of 4
 */
void launch_choose_blocks(const Estimate& estimate, int64_t head, int64_t heads, int64_t first, int64_t rows,
                          const float* scores, int64_t stride, cudaStream_t stream);

/** The same from what the Hopper kernel leaves, for all groups of the parts. */
void launch_choose_blocks(const Estimate& estimate, int64_t head, int64_t heads, const EstimateParts& parts,
                          cudaStream_t stream);

}  // namespace elastic
