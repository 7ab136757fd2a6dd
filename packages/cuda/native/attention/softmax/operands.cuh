// Accumulators of one matrix product as the left operand of the next: P of P·V, and dS.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

namespace elastic {

/** Rounds two numbers to the element type; `low` comes first in memory. */
template <typename Element>
__device__ inline uint32_t pack_pair(float low, float high);
template <>
__device__ inline uint32_t pack_pair<__nv_bfloat16>(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const uint32_t*>(&pair);
}
template <>
__device__ inline uint32_t pack_pair<__half>(float low, float high) {
  const __half2 pair = __floats2half2_rn(low, high);
  return *reinterpret_cast<const uint32_t*>(&pair);
}

/** Rounds a tile of P to the operand fragments of the element type. */
template <typename Element, int count>
__device__ void pack_operand(uint32_t (&packed)[count / 8][4], const float (&P)[count]) {
#pragma unroll
  for (int i = 0; i < count / 2; ++i) packed[i / 4][i % 4] = pack_pair<Element>(P[2 * i], P[2 * i + 1]);
}

}  // namespace elastic
