// Neighbouring elements read and written at once.
#pragma once
#include <cstdint>

#include "core/elements/floats.cuh"

namespace elastic {

/** Elements that a thread handles at a time where rows allow it: 16 bytes of a 16-bit type. */
constexpr int kVectorWidth = 8;

template <int width, typename T>
struct alignas(width * sizeof(T) > 16 ? 16 : width * sizeof(T)) Elements {
  T values[width];
};

template <int width, typename T>
__device__ inline void load_floats(const T* x, float (&values)[width]) {
  const auto elements = *reinterpret_cast<const Elements<width, T>*>(x);
#pragma unroll
  for (int i = 0; i < width; ++i) values[i] = to_float(elements.values[i]);
}

template <int width, typename T>
__device__ inline void store_floats(T* x, const float (&values)[width]) {
  Elements<width, T> elements;
#pragma unroll
  for (int i = 0; i < width; ++i) elements.values[i] = from_float<T>(values[i]);
  *reinterpret_cast<Elements<width, T>*>(x) = elements;
}

/** Whether every row of a matrix can be read in vectors from each multiple of kVectorWidth on. */
inline bool reads_vectors(const Matrix& matrix) {
  return reinterpret_cast<uintptr_t>(matrix.data) % 16 == 0 && matrix.row_stride * byte_size(matrix.dtype) % 16 == 0 &&
         matrix.columns % kVectorWidth == 0;
}

/** Calls fn with an integral constant: kVectorWidth where `vectors`, else 1. */
template <int value>
struct Width {
  static constexpr int kValue = value;
};
template <typename Function>
void with_width(bool vectors, const Function& fn) {
  if (vectors) return fn(Width<kVectorWidth>{});
  return fn(Width<1>{});
}

}  // namespace elastic
