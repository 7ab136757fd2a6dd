// How row-wise work is split.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "addon/values/numeric.h"
#include "core/thread_pool.h"
#include "floats/kernel_table.h"

namespace elastic {

/** Elements of one task: enough work to be worth a thread. */
constexpr int64_t kTaskElements = 16384;

inline int64_t rows_per_task(int64_t columns) { return std::max<int64_t>(1, kTaskElements / std::max<int64_t>(1, columns)); }

/** Runs fn(row) for every row of a matrix, split by its size. */
template <typename Function>
void for_rows(const Matrix& matrix, const Function& fn) {
  parallel_rows(matrix.rows, rows_per_task(matrix.columns), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) fn(row);
  });
}

/** A vector of any float dtype as floats. */
inline std::vector<float> widened(const Matrix& vector) {
  std::vector<float> result(static_cast<std::size_t>(vector.columns));
  float_kernels().convert(vector.row(0), vector.dtype, reinterpret_cast<char*>(result.data()), DType::F32, vector.columns);
  return result;
}

}  // namespace elastic
