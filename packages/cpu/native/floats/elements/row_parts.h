#pragma once
// Rows of any length as vectors, the last one partly filled; included once for each instruction set.
#include "floats/vector.h"

namespace elastic {
namespace {

/** Calls fn(index, count) for the vectors of a row. */
template <typename Function>
ELASTIC_INLINE void for_parts(int64_t n, const Function& fn) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) fn(i, kLanes);
  if (i < n) fn(i, n - i);
}

template <DType dtype>
ELASTIC_INLINE Vector load_part(const char* x, int64_t index, int64_t count) {
  return count == kLanes ? load<dtype>(x, index) : load_first<dtype>(x, index, count);
}
ELASTIC_INLINE Vector load_part(const float* x, int64_t index, int64_t count) {
  return load_part<DType::F32>(reinterpret_cast<const char*>(x), index, count);
}

template <DType dtype>
ELASTIC_INLINE void store_part(char* x, int64_t index, int64_t count, Vector value) {
  if (count == kLanes) {
    store<dtype>(x, index, value);
  } else {
    store_first<dtype>(x, index, count, value);
  }
}

/** A vector whose lanes from `count` on are zero. */
ELASTIC_INLINE Vector first_lanes(Vector value, int64_t count) {
  for (int64_t lane = count; lane < kLanes; ++lane) value[lane] = 0.0f;
  return value;
}

}  // namespace
}  // namespace elastic
