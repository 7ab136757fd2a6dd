// Accumulators of one matrix product as the left operand of the next: P of P·V, and dS.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <type_traits>

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

/** The sum of both numbers of a pair. */
template <typename Element>
__device__ inline float pair_sum(uint32_t pair) {
  if constexpr (std::is_same_v<Element, __half>) {
    const float2 numbers = __half22float2(*reinterpret_cast<const __half2*>(&pair));
    return numbers.x + numbers.y;
  } else {
    const float2 numbers = __bfloat1622float2(*reinterpret_cast<const __nv_bfloat162*>(&pair));
    return numbers.x + numbers.y;
  }
}

/** Rounds a tile of P to the operand fragments of the element type. */
template <typename Element, int count>
__device__ void pack_operand(uint32_t (&packed)[count / 8][4], const float (&P)[count]) {
#pragma unroll
  for (int i = 0; i < count / 2; ++i) packed[i / 4][i % 4] = pack_pair<Element>(P[2 * i], P[2 * i + 1]);
}

}  // namespace elastic
