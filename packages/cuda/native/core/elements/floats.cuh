// Float types in kernels: read as float32, rounded once when written.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "addon/values/numeric.h"

namespace elastic {

__device__ inline float to_float(float value) { return value; }
__device__ inline float to_float(__nv_bfloat16 value) { return __bfloat162float(value); }
__device__ inline float to_float(__half value) { return __half2float(value); }

template <typename T>
__device__ inline T from_float(float value);
template <>
__device__ inline float from_float<float>(float value) {
  return value;
}
template <>
__device__ inline __nv_bfloat16 from_float<__nv_bfloat16>(float value) {
  return __float2bfloat16_rn(value);
}
template <>
__device__ inline __half from_float<__half>(float value) {
  return __float2half_rn(value);
}

/** Rows of a tensor in device memory. */
template <typename T>
struct Rows {
  T* data;
  int64_t stride;
  __device__ T* operator[](int64_t row) const { return data + row * stride; }
};

template <typename T>
Rows<T> rows_of(const Matrix& matrix) {
  return Rows<T>{reinterpret_cast<T*>(matrix.data), matrix.row_stride};
}

/** Calls fn with a null pointer of the C++ type of a float dtype. */
template <typename Function>
void with_float_type(DType dtype, const Function& fn) {
  switch (dtype) {
    case DType::BF16:
      return fn(static_cast<__nv_bfloat16*>(nullptr));
    case DType::F16:
      return fn(static_cast<__half*>(nullptr));
    default:
      return fn(static_cast<float*>(nullptr));
  }
}

/** Flushes to zero what a softmax would not notice. */
__device__ inline float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

__device__ inline float warp_sum(float value) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) value += __shfl_xor_sync(0xffffffffu, value, step);
  return value;
}

__device__ inline float warp_max(float value) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, step));
  return value;
}

}  // namespace elastic
