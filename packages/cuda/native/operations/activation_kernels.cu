// Gates, activations, multipliers and soft caps, forwards and back; a thread takes eight elements of aligned rows.
#include "addon/operations.h"
#include "core/device/check.h"
#include "core/device/device.h"
#include "core/elements/activations.cuh"
#include "core/elements/elements.cuh"
#include "training/training_operations.h"

namespace elastic {
namespace {

constexpr int kThreads = 256;

/** Rows of some operands, cut into pieces of `width` elements; what happens to a piece is the kernel's own. */
struct Pieces {
  int64_t per_row;
  int64_t total;
  __device__ bool find(int width, int64_t* row, int64_t* column) const {
    const int64_t index = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
    if (index >= total) return false;
    if (total < INT32_MAX) {
      const auto small = static_cast<unsigned>(index), each = static_cast<unsigned>(per_row);
      *row = small / each;
      *column = static_cast<int64_t>(small % each) * width;
    } else {
      *row = index / per_row;
      *column = index % per_row * width;
    }
    return true;
  }
};

template <ActivationKind kind, int width, typename T>
__global__ void __launch_bounds__(kThreads) gate_pieces(Rows<T> gate, Rows<T> up, Rows<T> output, GateFunction function, Pieces pieces) {
  int64_t row, column;
  if (!pieces.find(width, &row, &column)) return;
  float g[width], u[width];
  load_floats(gate[row] + column, g);
  load_floats(up[row] + column, u);
#pragma unroll
  for (int i = 0; i < width; ++i) g[i] = gated<kind>(function, g[i], u[i]);
  store_floats(output[row] + column, g);
}

template <ActivationKind kind, int width, typename T>
__global__ void __launch_bounds__(kThreads)
    gate_gradient_pieces(Rows<T> gate, Rows<T> up, Rows<T> output_gradient, Rows<T> gate_gradient, Rows<T> up_gradient,
                         GateFunction function, Pieces pieces) {
  int64_t row, column;
  if (!pieces.find(width, &row, &column)) return;
  float g[width], u[width], d[width];
  load_floats(gate[row] + column, g);
  load_floats(up[row] + column, u);
  load_floats(output_gradient[row] + column, d);
#pragma unroll
  for (int i = 0; i < width; ++i) {
    float by_up;
    g[i] = d[i] * gated_derivatives<kind>(function, g[i], u[i], &by_up);
    u[i] = d[i] * by_up;
  }
  store_floats(gate_gradient[row] + column, g);
  store_floats(up_gradient[row] + column, u);
}

template <ActivationKind kind, int width, typename T>
__global__ void __launch_bounds__(kThreads) activate_pieces(Rows<T> input, Rows<T> output, Pieces pieces) {
  int64_t row, column;
  if (!pieces.find(width, &row, &column)) return;
  float x[width];
  load_floats(input[row] + column, x);
#pragma unroll
  for (int i = 0; i < width; ++i) x[i] = activation<kind>(x[i]);
  store_floats(output[row] + column, x);
}

template <ActivationKind kind, int width, typename T>
__global__ void __launch_bounds__(kThreads)
    activate_gradient_pieces(Rows<T> input, Rows<T> output_gradient, Rows<T> input_gradient, Pieces pieces) {
  int64_t row, column;
  if (!pieces.find(width, &row, &column)) return;
  float x[width], d[width];
  load_floats(input[row] + column, x);
  load_floats(output_gradient[row] + column, d);
#pragma unroll
  for (int i = 0; i < width; ++i) x[i] = d[i] * derivative<kind>(x[i]);
  store_floats(input_gradient[row] + column, x);
}

template <int width, typename In, typename Out>
__global__ void __launch_bounds__(kThreads) scale_pieces(Rows<In> input, Rows<Out> output, float factor, float cap, Pieces pieces) {
  int64_t row, column;
  if (!pieces.find(width, &row, &column)) return;
  float x[width];
  load_floats(input[row] + column, x);
#pragma unroll
  for (int i = 0; i < width; ++i) {
    x[i] *= factor;
    if (cap > 0.0f) x[i] = cap * tanhf(x[i] / cap);
  }
  store_floats(output[row] + column, x);
}

template <int width, typename X, typename Dy, typename Dx>
__global__ void __launch_bounds__(kThreads)
    scale_gradient_pieces(Rows<X> input, Rows<Dy> output_gradient, Rows<Dx> input_gradient, float factor, float cap, Pieces pieces) {
  int64_t row, column;
  if (!pieces.find(width, &row, &column)) return;
  float x[width], d[width];
  load_floats(input[row] + column, x);
  load_floats(output_gradient[row] + column, d);
#pragma unroll
  for (int i = 0; i < width; ++i) {
    const float t = tanhf(x[i] * factor / cap);
    x[i] = d[i] * factor * (1.0f - t * t);
  }
  store_floats(input_gradient[row] + column, x);
}

/** Calls fn(width, pieces, blocks) for operands of one shape; widths of eight where all their rows allow it. */
template <typename Function>
void launch_pieces(std::initializer_list<const Matrix*> operands, const char* what, const Function& fn) {
  const Matrix& first = **operands.begin();
  if (first.rows == 0 || first.columns == 0) return;
  bool vectors = true;
  for (const Matrix* operand : operands) vectors = vectors && reads_vectors(*operand);
  with_width(vectors, [&]<typename W>(W width) {
    const Pieces pieces{first.columns / W::kValue, first.rows * (first.columns / W::kValue)};
    fn(width, pieces, static_cast<unsigned>((pieces.total + kThreads - 1) / kThreads));
  });
  check(cudaGetLastError(), what);
}

}  // namespace

namespace backend {

void gated_activation(const Matrix& gate, const Matrix& up, const Matrix& output, const GateFunction& function) {
  launch_pieces({&gate, &up, &output}, "gatedActivation", [&]<typename W>(W, const Pieces& pieces, unsigned blocks) {
    with_gate(function.kind, [&]<typename K>(K) {
      with_float_type(gate.dtype, [&]<typename T>(T*) {
        gate_pieces<K::kValue, W::kValue><<<blocks, kThreads, 0, Device::instance().stream>>>(
            rows_of<T>(gate), rows_of<T>(up), rows_of<T>(output), function, pieces);
      });
    });
  });
}

void gated_activation_backward(const Matrix& gate, const Matrix& up, const Matrix& output_gradient, const Matrix& gate_gradient,
                               const Matrix& up_gradient, const GateFunction& function) {
  const auto operands = {&gate, &up, &output_gradient, &gate_gradient, &up_gradient};
  launch_pieces(operands, "gatedActivationBackward", [&]<typename W>(W, const Pieces& pieces, unsigned blocks) {
    with_gate(function.kind, [&]<typename K>(K) {
      with_float_type(gate.dtype, [&]<typename T>(T*) {
        gate_gradient_pieces<K::kValue, W::kValue><<<blocks, kThreads, 0, Device::instance().stream>>>(
            rows_of<T>(gate), rows_of<T>(up), rows_of<T>(output_gradient), rows_of<T>(gate_gradient), rows_of<T>(up_gradient),
            function, pieces);
      });
    });
  });
}

void activate(const Matrix& input, const Matrix& output, ActivationKind kind) {
  launch_pieces({&input, &output}, "activate", [&]<typename W>(W, const Pieces& pieces, unsigned blocks) {
    with_activation(kind, [&]<typename K>(K) {
      with_float_type(input.dtype, [&]<typename T>(T*) {
        activate_pieces<K::kValue, W::kValue>
            <<<blocks, kThreads, 0, Device::instance().stream>>>(rows_of<T>(input), rows_of<T>(output), pieces);
      });
    });
  });
}

void activate_backward(const Matrix& input, const Matrix& output_gradient, const Matrix& input_gradient, ActivationKind kind) {
  const auto operands = {&input, &output_gradient, &input_gradient};
  launch_pieces(operands, "activateBackward", [&]<typename W>(W, const Pieces& pieces, unsigned blocks) {
    with_activation(kind, [&]<typename K>(K) {
      with_float_type(input.dtype, [&]<typename T>(T*) {
        activate_gradient_pieces<K::kValue, W::kValue><<<blocks, kThreads, 0, Device::instance().stream>>>(
            rows_of<T>(input), rows_of<T>(output_gradient), rows_of<T>(input_gradient), pieces);
      });
    });
  });
}

void scale(const Matrix& input, const Matrix& output, float factor, float cap) {
  launch_pieces({&input, &output}, "scale", [&]<typename W>(W, const Pieces& pieces, unsigned blocks) {
    with_float_type(input.dtype, [&]<typename In>(In*) {
      with_float_type(output.dtype, [&]<typename Out>(Out*) {
        scale_pieces<W::kValue><<<blocks, kThreads, 0, Device::instance().stream>>>(rows_of<In>(input), rows_of<Out>(output), factor,
                                                                                   cap, pieces);
      });
    });
  });
}

void scale_backward(const Matrix& input, const Matrix& output_gradient, const Matrix& input_gradient, float factor, float cap) {
  const auto operands = {&input, &output_gradient, &input_gradient};
  launch_pieces(operands, "scaleBackward", [&]<typename W>(W, const Pieces& pieces, unsigned blocks) {
    with_float_type(input.dtype, [&]<typename X>(X*) {
      with_float_type(output_gradient.dtype, [&]<typename Dy>(Dy*) {
        with_float_type(input_gradient.dtype, [&]<typename Dx>(Dx*) {
          scale_gradient_pieces<W::kValue><<<blocks, kThreads, 0, Device::instance().stream>>>(
              rows_of<X>(input), rows_of<Dy>(output_gradient), rows_of<Dx>(input_gradient), factor, cap, pieces);
        });
      });
    });
  });
}

}  // namespace backend
}  // namespace elastic
