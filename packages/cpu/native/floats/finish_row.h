#pragma once
#include "floats/vector.h"

namespace elastic {
namespace {

/** out = sums (+ bias) (+ out), rounded once: the last step of a product, n outputs of one row. */
template <DType dtype>
ELASTIC_INLINE void finish_typed(const float* sums, const float* bias, char* out, bool accumulate, int64_t n) {
  const char* s = reinterpret_cast<const char*>(sums);
  const char* b = reinterpret_cast<const char*>(bias);
  for (int64_t i = 0; i < n; i += kLanes) {
    const int64_t left = n - i < kLanes ? n - i : kLanes;
    Vector value = left == kLanes ? load<DType::F32>(s, i) : load_first<DType::F32>(s, i, left);
    if (bias != nullptr) value += left == kLanes ? load<DType::F32>(b, i) : load_first<DType::F32>(b, i, left);
    if (accumulate) value += left == kLanes ? load<dtype>(out, i) : load_first<dtype>(out, i, left);
    if (left == kLanes) {
      store<dtype>(out, i, value);
    } else {
      store_first<dtype>(out, i, left, value);
    }
  }
}

static void finish_row(const float* sums, const float* bias, char* out, DType dtype, bool accumulate, int64_t n) {
  if (dtype == DType::F32) {
    finish_typed<DType::F32>(sums, bias, out, accumulate, n);
  } else {
    finish_typed<DType::BF16>(sums, bias, out, accumulate, n);
  }
}

}  // namespace
}  // namespace elastic
