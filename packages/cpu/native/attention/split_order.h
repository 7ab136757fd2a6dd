// The order of elements in which single rows are multiplied.
#pragma once
#include <cstdint>
#include <cstring>

#include "addon/values/numeric.h"

namespace elastic {

/** bf16 rows are read as their even and their odd elements, 32 at a time; queries and results follow that order. */
static inline void split_order(const float* x, float* out, int64_t n, DType dtype) {
  if (dtype != DType::BF16) {
    std::memcpy(out, x, static_cast<std::size_t>(n * 4));
    return;
  }
  for (int64_t i = 0; i < n; i += 32) {
    for (int64_t lane = 0; lane < 16; ++lane) {
      out[i + lane] = x[i + 2 * lane];
      out[i + 16 + lane] = x[i + 2 * lane + 1];
    }
  }
}

static inline void natural_order(const float* x, float* out, int64_t n, DType dtype) {
  if (dtype != DType::BF16) {
    std::memcpy(out, x, static_cast<std::size_t>(n * 4));
    return;
  }
  for (int64_t i = 0; i < n; i += 32) {
    for (int64_t lane = 0; lane < 16; ++lane) {
      out[i + 2 * lane] = x[i + lane];
      out[i + 2 * lane + 1] = x[i + 16 + lane];
    }
  }
}

}  // namespace elastic
