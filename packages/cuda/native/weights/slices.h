#pragma once
#include "addon/values/numeric.h"

namespace elastic::weights {

/** Some columns of a matrix; no data where the matrix has none. */
inline Matrix columns_of(const Matrix& matrix, int64_t first, int64_t count) {
  if (matrix.data == nullptr) return matrix;
  return {matrix.data + first * byte_size(matrix.dtype), matrix.rows, count, matrix.row_stride, matrix.dtype};
}

}  // namespace elastic::weights
