// Gradients of norms and activations, and the loss.
#include <cstring>
#include <stdexcept>
#include <string>

#include "core/row_tasks.h"
#include "core/thread_pool.h"
#include "floats/elements/element_table.h"
#include "floats/gradients/gradient_table.h"
#include "training/training_operations.h"

namespace elastic::backend {

void rms_norm_backward(const Matrix& input, const Matrix& weight, float epsilon, const Matrix& output_gradient,
                       const Matrix& input_gradient, bool accumulate) {
  const std::vector<float> weights = widened(weight);
  const GradientKernels& kernels = gradient_kernels();
  parallel_rows(input.rows, rows_per_task(input.columns), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      kernels.rms_norm(input.row(row), input.dtype, weights.data(), epsilon, output_gradient.row(row), output_gradient.dtype,
                       input_gradient.row(row), input_gradient.dtype, accumulate, input.columns);
    }
  });
}

void head_norm_backward(const Matrix& heads, const Matrix& weight, float epsilon, const Matrix& output_gradient,
                        const Matrix& input_gradient) {
  const std::vector<float> weights = widened(weight);
  const GradientKernels& kernels = gradient_kernels();
  const int64_t head_dim = weight.columns;
  const auto element = [](const Matrix& matrix, int64_t row, int64_t column) {
    return matrix.row(row) + column * byte_size(matrix.dtype);
  };
  parallel_rows(heads.rows, rows_per_task(heads.columns), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      for (int64_t i = 0; i < heads.columns; i += head_dim) {
        kernels.rms_norm(element(heads, row, i), heads.dtype, weights.data(), epsilon, element(output_gradient, row, i),
                         output_gradient.dtype, element(input_gradient, row, i), input_gradient.dtype, false, head_dim);
      }
    }
  });
}

void layer_norm_backward(const Matrix& input, const Matrix& weight, float epsilon, const Matrix& output_gradient,
                         const Matrix& input_gradient, bool accumulate) {
  const std::vector<float> weights = widened(weight);
  for_rows(input, [&](int64_t row) {
    element_kernels().layer_norm_gradient(input.row(row), input.dtype, weights.data(), epsilon, output_gradient.row(row),
                                          output_gradient.dtype, input_gradient.row(row), input_gradient.dtype, accumulate,
                                          input.columns);
  });
}

void gated_activation_backward(const Matrix& gate, const Matrix& up, const Matrix& output_gradient, const Matrix& gate_gradient,
                               const Matrix& up_gradient, const GateFunction& function) {
  for_rows(gate, [&](int64_t row) {
    element_kernels().gate_gradient(function, gate.row(row), up.row(row), output_gradient.row(row), gate_gradient.row(row),
                                    up_gradient.row(row), gate.dtype, gate.columns);
  });
}

void activate_backward(const Matrix& input, const Matrix& output_gradient, const Matrix& input_gradient, ActivationKind kind) {
  for_rows(input, [&](int64_t row) {
    element_kernels().activate_gradient(kind, input.row(row), output_gradient.row(row), input_gradient.row(row), input.dtype,
                                        input.columns);
  });
}

void scale_backward(const Matrix& input, const Matrix& output_gradient, const Matrix& input_gradient, float factor, float cap) {
  for_rows(input, [&](int64_t row) {
    element_kernels().scale_gradient(input.row(row), input.dtype, factor, cap, output_gradient.row(row), output_gradient.dtype,
                                     input_gradient.row(row), input_gradient.dtype, input.columns);
  });
}

void cross_entropy(const Matrix& logits, const Matrix& targets, const Matrix& losses, const Matrix& logits_gradient,
                   float scale) {
  const int32_t* classes = targets.integers(0);
  for (int64_t row = 0; row < logits.rows; ++row) {
    if (classes[row] < logits.columns) continue;
    const std::string message = "target " + std::to_string(classes[row]) + " of row " + std::to_string(row) +
                                " is outside a vocabulary of " + std::to_string(logits.columns);
    throw std::range_error(message);
  }
  const GradientKernels& kernels = gradient_kernels();
  const auto bytes = static_cast<std::size_t>(logits.columns * byte_size(logits_gradient.dtype));
  parallel_rows(logits.rows, rows_per_task(logits.columns), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      char* gradient = logits_gradient.data == nullptr ? nullptr : logits_gradient.row(row);
      float* loss = losses.floats(0) + row;
      if (classes[row] >= 0) {
        *loss = kernels.cross_entropy(logits.row(row), logits.dtype, classes[row], gradient, logits_gradient.dtype, scale,
                                      logits.columns);
      } else {
        *loss = 0;
        if (gradient != nullptr) std::memset(gradient, 0, bytes);
      }
    }
  });
}

}  // namespace elastic::backend
