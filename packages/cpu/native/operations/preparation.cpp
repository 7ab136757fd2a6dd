#include "addon/preparation.h"

#include <cmath>
#include <vector>

#include "addon/normal_value.h"
#include "core/thread_pool.h"
#include "floats/kernel_table.h"

namespace elastic::backend {

void rotary_tables(const Matrix& frequencies, const Matrix& cosine, const Matrix& sine, double scale) {
  const float* radians = frequencies.floats(0);
  parallel_rows(cosine.rows, 256, [&](int64_t first, int64_t last) {
    for (int64_t position = first; position < last; ++position) {
      for (int64_t pair = 0; pair < cosine.columns; ++pair) {
        const float angle = static_cast<float>(position) * radians[pair];
        cosine.floats(position)[pair] = static_cast<float>(std::cos(static_cast<double>(angle)) * scale);
        sine.floats(position)[pair] = static_cast<float>(std::sin(static_cast<double>(angle)) * scale);
      }
    }
  });
}

void fill_normal(const Matrix& output, uint32_t seed, float deviation) {
  parallel_rows(output.rows, 16, [&](int64_t first, int64_t last) {
    std::vector<float> row(static_cast<std::size_t>(output.columns));
    for (int64_t index = first; index < last; ++index) {
      for (int64_t i = 0; i < output.columns; ++i) {
        row[static_cast<std::size_t>(i)] = deviation * normal_value(seed, static_cast<uint32_t>(index * output.columns + i));
      }
      float_kernels().convert(reinterpret_cast<const char*>(row.data()), DType::F32, output.row(index), output.dtype,
                              output.columns);
    }
  });
}

void count_visited_blocks(const Matrix& visited, const Matrix& counts) {
  const int64_t rows = visited.rows / counts.columns;
  parallel_rows(counts.columns, 1, [&](int64_t first, int64_t last) {
    for (int64_t head = first; head < last; ++head) {
      int32_t sum = 0;
      for (int64_t row = head * rows; row < (head + 1) * rows; ++row) {
        const auto* entries = reinterpret_cast<const uint8_t*>(visited.row(row));
        for (int64_t i = 0; i < visited.columns; ++i) sum += entries[i] == 1;
      }
      counts.integers(0)[head] = sum;
    }
  });
}

}  // namespace elastic::backend
