// Queries in the order of XAttention's antidiagonals.
#pragma once
#include <cuda_runtime_api.h>

#include "addon/operations.h"

namespace elastic {

/**
 * Query groups [first, first + rows) of some heads, head after head: row a holds q[a·t + t-1], …, q[a·t]; missing rows
 * are zero.
 */
void launch_gather_queries(const Estimate& estimate, int64_t head, int64_t heads, int64_t first, int64_t rows,
                           void* target, cudaStream_t stream);

}  // namespace elastic
