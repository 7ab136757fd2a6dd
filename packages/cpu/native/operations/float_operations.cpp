#include "operations/float_operations.h"

#include <algorithm>
#include <string>
#include <vector>

#include "core/thread_pool.h"
#include "floats/kernel_table.h"

namespace elastic {
namespace {

/** Elements of one task: enough work to be worth a thread. */
constexpr int64_t kTaskElements = 16384;

int64_t rows_per_task(int64_t columns) { return std::max<int64_t>(1, kTaskElements / std::max<int64_t>(1, columns)); }

/** A vector of any float dtype as floats. */
std::vector<float> widened(const Matrix& vector) {
  std::vector<float> result(static_cast<std::size_t>(vector.columns));
  float_kernels().convert(vector.row(0), vector.dtype, reinterpret_cast<char*>(result.data()), DType::F32, vector.columns);
  return result;
}

void require_same(const Call& call, const Matrix& a, const Matrix& b, const char* message) {
  call.require(a.rows == b.rows && a.columns == b.columns, message);
}

bool is_float(const Matrix& matrix) { return matrix.dtype <= DType::F16; }

}  // namespace

void rms_norm(Call& call) {
  const Matrix input = call.tensor("input"), weight = call.tensor("weight"), output = call.tensor("output");
  const Matrix residual = call.optional_tensor("residual");
  const auto epsilon = static_cast<float>(call.number("epsilon"));
  call.require_float(input, "input");
  call.require_float(output, "output");
  require_same(call, input, output, "output has another shape than input");
  call.require(weight.rows == 1 && weight.columns == input.columns && is_float(weight), "weight does not fit the input");
  if (residual.data != nullptr) {
    call.require_float(residual, "residual");
    require_same(call, input, residual, "residual has another shape than input");
  }
  const std::vector<float> weights = widened(weight);
  const FloatKernels& kernels = float_kernels();
  parallel_rows(input.rows, rows_per_task(input.columns), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      const Matrix* source = &input;
      if (residual.data != nullptr) {
        kernels.add_into(input.row(row), input.dtype, residual.row(row), residual.dtype, input.columns);
        source = &residual;
      }
      kernels.rms_norm(source->row(row), source->dtype, weights.data(), epsilon, output.row(row), output.dtype,
                       input.columns);
    }
  });
}

void head_norm(Call& call) {
  const Matrix heads = call.tensor("heads"), weight = call.tensor("weight");
  const auto epsilon = static_cast<float>(call.number("epsilon"));
  call.require_float(heads, "heads");
  const bool fits = weight.rows == 1 && weight.columns > 0 && heads.columns % weight.columns == 0 && is_float(weight);
  call.require(fits, "weight does not fit the heads");
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

void rotary(Call& call) {
  const Matrix heads = call.tensor("heads"), positions = call.tensor("positions");
  const Matrix cosine = call.tensor("cosine"), sine = call.tensor("sine");
  call.require_float(heads, "heads");
  call.require_dtype(positions, DType::I32, "positions");
  call.require_dtype(cosine, DType::F32, "cosine");
  call.require_dtype(sine, DType::F32, "sine");
  const int64_t half = cosine.columns;
  require_same(call, cosine, sine, "cosine and sine differ in shape");
  call.require(half > 0 && heads.columns % (2 * half) == 0, "the tables do not fit the heads");
  call.require(positions.columns == heads.rows && positions.rows == 1, "positions do not fit the heads");
  const int32_t* rows = positions.integers(0);
  for (int64_t token = 0; token < heads.rows; ++token) {
    if (rows[token] < 0 || rows[token] >= cosine.rows) {
      const std::string message = "position " + std::to_string(rows[token]) + " is outside a table of " +
                                  std::to_string(cosine.rows) + " positions";
      call.require(false, message.c_str());
    }
  }
  const FloatKernels& kernels = float_kernels();
  const int64_t bytes = 2 * half * byte_size(heads.dtype);
  parallel_rows(heads.rows, rows_per_task(heads.columns), [&](int64_t first, int64_t last) {
    for (int64_t token = first; token < last; ++token) {
      char* head = heads.row(token);
      for (int64_t i = 0; i < heads.columns; i += 2 * half, head += bytes) {
        kernels.rotate(head, heads.dtype, cosine.floats(rows[token]), sine.floats(rows[token]), half);
      }
    }
  });
}

void swiglu(Call& call) {
  const Matrix gate = call.tensor("gate"), up = call.tensor("up"), output = call.tensor("output");
  call.require_float(gate, "gate");
  call.require_dtype(up, gate.dtype, "up");
  call.require_dtype(output, gate.dtype, "output");
  require_same(call, gate, up, "gate and up differ in shape");
  require_same(call, gate, output, "output has another shape than gate");
  const FloatKernels& kernels = float_kernels();
  parallel_rows(gate.rows, rows_per_task(gate.columns), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      kernels.swiglu(gate.row(row), up.row(row), output.row(row), gate.dtype, gate.columns);
    }
  });
}

void embedding(Call& call) {
  const Matrix ids = call.tensor("ids"), table = call.tensor("table"), output = call.tensor("output");
  call.require_dtype(ids, DType::I32, "ids");
  call.require(is_float(table) && is_float(output), "table and output must be floats");
  call.require(ids.rows == 1 && ids.columns == output.rows && output.columns == table.columns,
               "output does not fit ids and table");
  const int32_t* tokens = ids.integers(0);
  for (int64_t token = 0; token < ids.columns; ++token) {
    if (tokens[token] < 0 || tokens[token] >= table.rows) {
      const std::string message = "token id " + std::to_string(tokens[token]) + " is outside a vocabulary of " +
                                  std::to_string(table.rows);
      call.require(false, message.c_str());
    }
  }
  const FloatKernels& kernels = float_kernels();
  parallel_rows(ids.columns, rows_per_task(table.columns), [&](int64_t first, int64_t last) {
    for (int64_t token = first; token < last; ++token) {
      kernels.convert(table.row(tokens[token]), table.dtype, output.row(token), output.dtype, table.columns);
    }
  });
}

void add(Call& call) {
  const Matrix a = call.tensor("a"), b = call.tensor("b"), output = call.tensor("output");
  call.require_float(a, "a");
  call.require_dtype(b, a.dtype, "b");
  call.require_dtype(output, a.dtype, "output");
  require_same(call, a, b, "a and b differ in shape");
  require_same(call, a, output, "output has another shape than a");
  const FloatKernels& kernels = float_kernels();
  parallel_rows(a.rows, rows_per_task(a.columns), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) kernels.add(a.row(row), b.row(row), output.row(row), a.dtype, a.columns);
  });
}

void cast(Call& call) {
  const Matrix input = call.tensor("input"), output = call.tensor("output");
  call.require(is_float(input) && is_float(output), "input and output must be floats");
  require_same(call, input, output, "output has another shape than input");
  const FloatKernels& kernels = float_kernels();
  parallel_rows(input.rows, rows_per_task(input.columns), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      kernels.convert(input.row(row), input.dtype, output.row(row), output.dtype, input.columns);
    }
  });
}

void softmax(Call& call) {
  const Matrix input = call.tensor("input"), output = call.tensor("output");
  call.require_float(input, "input");
  call.require_float(output, "output");
  require_same(call, input, output, "output has another shape than input");
  if (input.columns == 0) return;
  const FloatKernels& kernels = float_kernels();
  parallel_rows(input.rows, rows_per_task(input.columns), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      kernels.softmax(input.row(row), input.dtype, output.row(row), output.dtype, input.columns);
    }
  });
}

void argmax(Call& call) {
  const Matrix input = call.tensor("input"), output = call.tensor("output");
  call.require_float(input, "input");
  call.require_dtype(output, DType::I32, "output");
  call.require(output.rows == 1 && output.columns == input.rows && input.columns > 0, "output does not fit the input");
  const FloatKernels& kernels = float_kernels();
  parallel_rows(input.rows, rows_per_task(input.columns), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      output.integers(0)[row] = static_cast<int32_t>(kernels.argmax(input.row(row), input.dtype, input.columns));
    }
  });
}

}  // namespace elastic
