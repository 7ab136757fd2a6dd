// Norms, rotation, activation and other row-wise work.
#include <stdexcept>
#include <string>
#include <vector>

#include "addon/operations.h"
#include "core/row_tasks.h"
#include "core/scratch.h"
#include "core/thread_pool.h"
#include "floats/elements/element_table.h"
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

void layer_norm(const Matrix& input, const Matrix& weight, const Matrix& bias, const Matrix& output, float epsilon) {
  const std::vector<float> weights = widened(weight), biases = bias.data == nullptr ? std::vector<float>() : widened(bias);
  const ElementKernels& kernels = element_kernels();
  for_rows(input, [&](int64_t row) {
    kernels.layer_norm(input.row(row), input.dtype, weights.data(), bias.data == nullptr ? nullptr : biases.data(), epsilon,
                       output.row(row), output.dtype, input.columns);
  });
}

void rotary(const Matrix& heads, const Matrix& positions, const Matrix& cosine, const Matrix& sine, const Rotation& rotation) {
  const int64_t half = cosine.columns;
  const int32_t* rows = positions.integers(0);
  for (int64_t token = 0; token < heads.rows; ++token) {
    if (rows[token] < 0 || rows[token] >= cosine.rows) {
      const std::string message = "position " + std::to_string(rows[token]) + " is outside a table of " +
                                  std::to_string(cosine.rows) + " positions";
      throw std::range_error(message);
    }
  }
  const int64_t bytes = rotation.head_dim * byte_size(heads.dtype);
  const float direction = rotation.inverse ? -1.0f : 1.0f;
  for_rows(heads, [&](int64_t token) {
    const float *cos = cosine.floats(rows[token]), *sin = sine.floats(rows[token]);
    char* head = heads.row(token);
    for (int64_t i = 0; i < heads.columns; i += rotation.head_dim, head += bytes) {
      if (rotation.neighbours) {
        element_kernels().rotate_neighbours(head, heads.dtype, cos, sin, direction, 2 * half);
      } else {
        float_kernels().rotate(head, heads.dtype, cos, sin, direction, half);
      }
    }
  });
}

void gated_activation(const Matrix& gate, const Matrix& up, const Matrix& output, const GateFunction& function) {
  const ElementKernels& kernels = element_kernels();
  for_rows(gate, [&](int64_t row) { kernels.gate(function, gate.row(row), up.row(row), output.row(row), gate.dtype, gate.columns); });
}

void activate(const Matrix& input, const Matrix& output, ActivationKind kind) {
  const ElementKernels& kernels = element_kernels();
  for_rows(input, [&](int64_t row) { kernels.activate(kind, input.row(row), output.row(row), input.dtype, input.columns); });
}

void scale(const Matrix& input, const Matrix& output, float factor, float cap) {
  const ElementKernels& kernels = element_kernels();
  for_rows(input, [&](int64_t row) {
    kernels.scale(input.row(row), input.dtype, factor, cap, output.row(row), output.dtype, input.columns);
  });
}

void embedding(const Matrix& ids, const Matrix& table, const Matrix& output, float factor) {
  const int32_t* tokens = ids.integers(0);
  for (int64_t token = 0; token < ids.columns; ++token) {
    if (tokens[token] < 0 || tokens[token] >= table.rows) {
      const std::string message = "token id " + std::to_string(tokens[token]) + " is outside a vocabulary of " +
                                  std::to_string(table.rows);
      throw std::range_error(message);
    }
  }
  const FloatKernels& kernels = float_kernels();
  for_rows(output, [&](int64_t token) {
    const char* row = table.row(tokens[token]);
    if (factor == 1.0f) {
      kernels.convert(row, table.dtype, output.row(token), output.dtype, table.columns);
      return;
    }
    Scratch scratch;
    auto* wide = scratch.take<float>(table.columns);
    kernels.convert(row, table.dtype, reinterpret_cast<char*>(wide), DType::F32, table.columns);
    kernels.scale(wide, factor, table.columns);
    kernels.convert(reinterpret_cast<const char*>(wide), DType::F32, output.row(token), output.dtype, table.columns);
  });
}

void add(const Matrix& a, const Matrix& b, const Matrix& output, float factor) {
  for_rows(a, [&](int64_t row) {
    if (factor == 1.0f) {
      float_kernels().add(a.row(row), b.row(row), output.row(row), a.dtype, a.columns);
    } else {
      element_kernels().add_scaled(a.row(row), b.row(row), factor, output.row(row), a.dtype, a.columns);
    }
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
