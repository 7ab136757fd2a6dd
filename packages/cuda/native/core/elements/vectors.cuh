// Eight neighbouring 16-bit floats, read and written at once.
#pragma once
#include <climits>

#include "core/elements/floats.cuh"

namespace elastic {

constexpr int kVector = 8;

/** Eight floats, from or to 16 bytes of T. */
struct FloatVector {
  float values[kVector];

  template <typename T>
  __device__ static FloatVector load(const T* source) {
    const uint4 bits = *reinterpret_cast<const uint4*>(source);
    const T* halves = reinterpret_cast<const T*>(&bits);
    FloatVector result;
#pragma unroll
    for (int i = 0; i < kVector; ++i) result.values[i] = to_float(halves[i]);
    return result;
  }

  template <typename T>
  __device__ void store(T* target) const {
    uint4 bits;
    T* halves = reinterpret_cast<T*>(&bits);
#pragma unroll
    for (int i = 0; i < kVector; ++i) halves[i] = from_float<T>(values[i]);
    *reinterpret_cast<uint4*>(target) = bits;
  }

  __device__ static FloatVector load(const float* source) {
    const float4 low = *reinterpret_cast<const float4*>(source), high = *reinterpret_cast<const float4*>(source + 4);
    return {{low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w}};
  }
};

/** Whether rows can be read in vectors: 16-bit floats whose rows begin at multiples of 16 bytes. */
inline bool in_vectors(const Matrix& matrix) {
  return (matrix.dtype == DType::BF16 || matrix.dtype == DType::F16) && matrix.columns % kVector == 0 &&
         matrix.row_stride % kVector == 0 && reinterpret_cast<uintptr_t>(matrix.data) % 16 == 0;
}

/** Whether so many threads can be numbered in 32 bits: division is several times cheaper there. */
inline bool countable(int64_t total) { return total < UINT_MAX - 1024; }

/** Calls fn with a null pointer of the C++ type of a 16-bit float dtype. */
template <typename Function>
void with_half_type(DType dtype, const Function& fn) {
  if (dtype == DType::BF16) fn(static_cast<__nv_bfloat16*>(nullptr));
  else fn(static_cast<__half*>(nullptr));
}

}  // namespace elastic
