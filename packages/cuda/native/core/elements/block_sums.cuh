// Sums and maxima over a thread block.
#pragma once
#include "core/elements/floats.cuh"

namespace elastic {

/** Sum over all threads of a block, in an order that does not change. */
__device__ inline float block_sum(float value) {
  __shared__ float partial[32];
  value = warp_sum(value);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
  __syncthreads();
  value = threadIdx.x < blockDim.x / 32 ? partial[threadIdx.x] : 0.0f;
  if (threadIdx.x < 32) partial[0] = warp_sum(value);
  __syncthreads();
  const float result = partial[0];
  __syncthreads();
  return result;
}

__device__ inline float block_max(float value) {
  __shared__ float partial[32];
  value = warp_max(value);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
  __syncthreads();
  value = threadIdx.x < blockDim.x / 32 ? partial[threadIdx.x] : -INFINITY;
  if (threadIdx.x < 32) partial[0] = warp_max(value);
  __syncthreads();
  const float result = partial[0];
  __syncthreads();
  return result;
}

}  // namespace elastic
