// XAttention's antidiagonal scores on Hopper: products and exponentials in one kernel; scores themselves are never stored.
#pragma once
#include <cuda_runtime_api.h>

#include "addon/operations.h"

namespace elastic {

/** Key groups of a column tile, query groups that are worked on together, and key groups of a block. */
constexpr int kEstimateColumns = 256, kEstimateRows = 256, kEstimateBlock = 8;

/**
 * What is left of the scores of some query groups of some heads: the masses of the key blocks, each relative to the maximum
 * of its column tile, and that maximum and the sum of every column tile.
 */
struct EstimateParts {
  /** The first group, a multiple of `kEstimateRows`, and how many there is room for. */
  int64_t first_group;
  int64_t rows;
  /** Column tiles of a row. */
  int64_t tiles;
  /** F32 [heads, rows, tiles, 32]. */
  float* masses;
  /** F32 [heads, rows, tiles, 2]: maximum and sum. */
  float* sums;
};

/** Whether the kernel serves this call on this device. */
bool estimate_sm90_serves(const Estimate& estimate, int capability);
/** Fills the parts for the query heads of some key-value heads: [first, first + count) of the estimate's list. */
void launch_estimate_sm90(const Estimate& estimate, size_t first, size_t count, const EstimateParts& parts,
                          int multiprocessors, cudaStream_t stream);
/** Most key-value heads of one launch. */
constexpr size_t kEstimateHeads = 8;

}  // namespace elastic
