#include "addon/preparation.h"

#include <algorithm>
#include <atomic>
#include <climits>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "addon/file_piece.h"
#include "addon/values/normal_value.h"
#include "core/thread_pool.h"
#include "floats/kernel_table.h"

namespace elastic {
namespace {

/** Index of the first pattern in which all bits of the exponent are set, -1 without one. */
template <typename Pattern>
int64_t first_with(const Pattern* patterns, Pattern exponent, int64_t count) {
  // Blocks without a way out in their middle are read in vectors, as fast as memory gives them.
  constexpr int64_t kBlock = 1024;
  for (int64_t start = 0; start < count; start += kBlock) {
    const int64_t end = std::min(count, start + kBlock);
    Pattern found = 0;
    for (int64_t i = start; i < end; ++i) found |= static_cast<Pattern>((patterns[i] & exponent) == exponent);
    if (found == 0) continue;
    for (int64_t i = start; i < end; ++i) {
      if ((patterns[i] & exponent) == exponent) return i;
    }
  }
  return -1;
}

/** Column of the first element that is not finite, -1 without one. */
int64_t first_not_finite_of(const char* row, DType dtype, int64_t columns) {
  if (dtype == DType::F32) return first_with<uint32_t>(reinterpret_cast<const uint32_t*>(row), 0x7f800000u, columns);
  return first_with<uint16_t>(reinterpret_cast<const uint16_t*>(row), dtype == DType::BF16 ? 0x7f80 : 0x7c00, columns);
}

}  // namespace
}  // namespace elastic

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

void first_not_finite(const Matrix& input, const Matrix& output) {
  std::atomic<int64_t> first{INT32_MAX};
  parallel_rows(input.rows, std::max<int64_t>(1, 65536 / std::max<int64_t>(1, input.columns)), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end && row * input.columns < first; ++row) {
      const int64_t column = first_not_finite_of(input.row(row), input.dtype, input.columns);
      if (column < 0) continue;
      const int64_t found = row * input.columns + column;
      for (int64_t known = first; found < known && !first.compare_exchange_weak(known, found);) continue;
    }
  });
  output.integers(0)[0] = first == INT32_MAX ? -1 : static_cast<int32_t>(first);
}

void read_file(int descriptor, int64_t position, char* target, int64_t bytes) {
  constexpr int64_t kPiece = int64_t{4} << 20;
  std::atomic<bool> failed{false};
  parallel_rows(bytes, kPiece, [&](int64_t begin, int64_t end) {
    if (!failed && !read_piece(descriptor, position + begin, target + begin, end - begin)) failed = true;
  });
  if (failed) throw std::runtime_error("the file cannot be read to its end");
}

}  // namespace elastic::backend
