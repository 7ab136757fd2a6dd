// Rows of a key-value cache in eight bits: head_dim numbers of e4m3, then their scale, a power of two in float32.
#pragma once
#include <cuda_runtime_api.h>

namespace elastic {

/** Four rows are whole lines of 16 bytes where head_dim is a multiple of 4. */
__host__ __device__ constexpr int rounded_row_bytes(int head_dim) { return head_dim + 4; }

}  // namespace elastic
