// Norms, rotation, activation and other row-wise work.
#include <stdexcept>
#include <string>
#include <vector>

#include "addon/operations.h"
#include "core/row_tasks.h"
#include "core/thread_pool.h"
#include "floats/kernel_table.h"

namespace elastic::backend {

void rms_norm(const Matrix& input, const Matrix& weight, const Matrix& output, float epsilon) {
  const std::vector<float> weights = widened(weight);
  const FloatKernels& kernels = float_kernels();
  parallel_rows(input.rows, rows_per_task(input.columns), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      kernels.rms_norm(input.row(row), input.dtype, weights.data(), epsilon, output.row(row), output.dtype, input.columns);
    }
  });
}

void head_norm(const Matrix& heads, const Matrix& weight, float epsilon) {
  const std::vector<float> weights = widened(weight);
  const FloatKernels& kernels = float_kernels();
  const int64_t bytes = weight.columns * byte_size(heads.dtype);
  parallel_rows(heads.rows, rows_per_task(heads.columns), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      char* head = heads.row(row);
      for (int64_t i = 0; i < heads.columns; i += weight.columns, head += bytes) {
        kernels.rms_norm(head, heads.dtype, weights.data(), epsilon, head, heads.dtype, weight.columns);
      }
    }
  });
}

void rotary(const Matrix& heads, const Matrix& positions, const Matrix& cosine, const Matrix& sine, bool inverse) {
  const int64_t half = cosine.columns;
  const int32_t* rows = positions.integers(0);
  for (int64_t token = 0; token < heads.rows; ++token) {
    if (rows[token] < 0 || rows[token] >= cosine.rows) {
      const std::string message = "position " + std::to_string(rows[token]) + " is outside a table of " +
                                  std::to_string(cosine.rows) + " positions";
      throw std::range_error(message);
    }
  }
  const FloatKernels& kernels = float_kernels();
  const int64_t bytes = 2 * half * byte_size(heads.dtype);
  parallel_rows(heads.rows, rows_per_task(heads.columns), [&](int64_t first, int64_t last) {
    for (int64_t token = first; token < last; ++token) {
      char* head = heads.row(token);
      for (int64_t i = 0; i < heads.columns; i += 2 * half, head += bytes) {
        kernels.rotate(head, heads.dtype, cosine.floats(rows[token]), sine.floats(rows[token]), inverse ? -1.0f : 1.0f, half);
      }
    }
  });
}

void swiglu(const Matrix& gate, const Matrix& up, const Matrix& output) {
  const FloatKernels& kernels = float_kernels();
  parallel_rows(gate.rows, rows_per_task(gate.columns), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      kernels.swiglu(gate.row(row), up.row(row), output.row(row), gate.dtype, gate.columns);
    }
  });
}

void embedding(const Matrix& ids, const Matrix& table, const Matrix& output) {
  const int32_t* tokens = ids.integers(0);
  for (int64_t token = 0; token < ids.columns; ++token) {
    if (tokens[token] < 0 || tokens[token] >= table.rows) {
      const std::string message = "token id " + std::to_string(tokens[token]) + " is outside a vocabulary of " +
                                  std::to_string(table.rows);
      throw std::range_error(message);
    }
  }
  const FloatKernels& kernels = float_kernels();
  parallel_rows(ids.columns, rows_per_task(table.columns), [&](int64_t first, int64_t last) {
    for (int64_t token = first; token < last; ++token) {
      kernels.convert(table.row(tokens[token]), table.dtype, output.row(token), output.dtype, table.columns);
    }
  });
}

void add(const Matrix& a, const Matrix& b, const Matrix& output) {
  const FloatKernels& kernels = float_kernels();
  parallel_rows(a.rows, rows_per_task(a.columns), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) kernels.add(a.row(row), b.row(row), output.row(row), a.dtype, a.columns);
  });
}

void cast(const Matrix& input, const Matrix& output) {
  const FloatKernels& kernels = float_kernels();
  parallel_rows(input.rows, rows_per_task(input.columns), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      kernels.convert(input.row(row), input.dtype, output.row(row), output.dtype, input.columns);
    }
  });
}

}  // namespace elastic::backend
