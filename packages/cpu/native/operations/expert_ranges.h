// The slots of experts, as the host reads them.
#pragma once
#include <stdexcept>
#include <string>

#include "addon/values/numeric.h"

namespace elastic {

inline Matrix rows_between(const Matrix& matrix, int64_t first, int64_t last) {
  Matrix part = matrix;
  part.data = matrix.row(first);
  part.rows = last - first;
  return part;
}
inline Matrix row_of(const Matrix& matrix, int64_t row) { return rows_between(matrix, row, row + 1); }

/** @throws std::range_error where an index leads outside */
inline void require_indices(const Matrix& indices, int64_t count, const char* what) {
  for (int64_t row = 0; row < indices.rows; ++row) {
    for (int64_t i = 0; i < indices.columns; ++i) {
      const int32_t index = indices.integers(row)[i];
      if (index >= 0 && index < count) continue;
      throw std::range_error(std::string(what) + " " + std::to_string(index) + " is outside of " + std::to_string(count));
    }
  }
}

/** Runs fn(expert, first, last) for every expert that has slots. @throws std::range_error where the offsets are not those of `slots` slots */
template <typename Function>
void for_experts(const Matrix& offsets, int64_t slots, const Function& fn) {
  const int32_t* bounds = offsets.integers(0);
  const int64_t experts = offsets.columns - 1;
  bool fits = bounds[0] == 0 && bounds[experts] == slots;
  for (int64_t expert = 0; expert < experts; ++expert) fits = fits && bounds[expert] <= bounds[expert + 1];
  if (!fits) throw std::range_error("the offsets do not divide " + std::to_string(slots) + " slots among the experts");
  for (int64_t expert = 0; expert < experts; ++expert) {
    if (bounds[expert] < bounds[expert + 1]) fn(expert, bounds[expert], bounds[expert + 1]);
  }
}

}  // namespace elastic
