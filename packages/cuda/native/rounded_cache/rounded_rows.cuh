#pragma once
#include <cuda_bf16.h>
#include <cuda_fp8.h>

#include <cstdint>
#include <cstring>

#include "core/elements/floats.cuh"
#include "rounded_cache/rounded_rows.h"

namespace elastic {

__device__ inline uint32_t multiply_pairs(uint32_t a, uint32_t b) {
  __nv_bfloat162 x, y;
  memcpy(&x, &a, 4);
  memcpy(&y, &b, 4);
  const __nv_bfloat162 product = __hmul2(x, y);
  uint32_t result;
  memcpy(&result, &product, 4);
  return result;
}

/**
 * Two of four numbers of e4m3, the first or the last, as a pair of bf16: sign, exponent and fraction move to where bf16 has
 * them, and what the exponents' biases differ by is multiplied, by which subnormal numbers become what they stand for, too.
 * NaN is read as 480.
 */
__device__ inline uint32_t e4m3_pair(uint32_t bytes, int index) {
  const uint32_t high = __byte_perm(bytes, 0, index == 0 ? 0x1404 : 0x3424);
  constexpr uint32_t kPairOf2To120 = 0x7b807b80u;
  return multiply_pairs((high >> 4 & 0x07f007f0u) | (high & 0x80008000u), kPairOf2To120);
}

/** The scale of a row whose largest magnitude this is: the smallest power of two that brings it to 448 at most; NaN for none. */
__device__ inline float rounded_scale(float largest) {
  if (!(largest < INFINITY)) return NAN;
  if (largest == 0) return 1;
  int exponent;
  const float fraction = frexpf(largest / 448, &exponent);
  // Beyond these bounds the products of a decode step would leave float32's range.
  return ldexpf(1.0f, max(-60, min(fraction == 0.5f ? exponent - 1 : exponent, 60)));
}

__device__ inline uint8_t rounded_byte(float value, float scale) {
  return static_cast<uint8_t>(__nv_cvt_float_to_fp8(value / scale, __NV_SATFINITE, __NV_E4M3));
}

__device__ inline float rounded_value(uint8_t byte, float scale) {
  return __half2float(__half(__nv_cvt_fp8_to_halfraw(byte, __NV_E4M3))) * scale;
}

}  // namespace elastic
