// Gradients of silu(gate) · up, element by element.
#include "core/device/check.h"
#include "core/device/device.h"
#include "core/elements/elements.cuh"
#include "training/training_operations.h"

namespace elastic {
namespace {

constexpr int kThreads = 256;

template <int width, typename T>
__global__ void __launch_bounds__(kThreads) swiglu_gradient(Rows<T> gate, Rows<T> up, Rows<T> output_gradient, Rows<T> gate_gradient,
                                                            Rows<T> up_gradient, int64_t row_vectors, int64_t total) {
  const int64_t index = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (index >= total) return;
  const int64_t row = index / row_vectors, column = index % row_vectors * width;
  float g[width], u[width], d[width];
  load_floats(gate[row] + column, g);
  load_floats(up[row] + column, u);
  load_floats(output_gradient[row] + column, d);
#pragma unroll
  for (int i = 0; i < width; ++i) {
    const float sigmoid = 1.0f / (1.0f + __expf(-g[i]));
    const float for_up = d[i] * g[i] * sigmoid;
    g[i] = d[i] * u[i] * sigmoid * (1.0f + g[i] * (1.0f - sigmoid));
    u[i] = for_up;
  }
  store_floats(gate_gradient[row] + column, g);
  store_floats(up_gradient[row] + column, u);
}

}  // namespace

void backend::swiglu_backward(const Matrix& gate, const Matrix& up, const Matrix& output_gradient, const Matrix& gate_gradient,
                              const Matrix& up_gradient) {
  if (gate.rows == 0 || gate.columns == 0) return;
  bool vectors = true;
  for (const Matrix* matrix : {&gate, &up, &output_gradient, &gate_gradient, &up_gradient}) vectors = vectors && reads_vectors(*matrix);
  with_float_type(gate.dtype, [&]<typename T>(T*) {
    with_width(vectors, [&]<typename W>(W) {
      const int64_t row_vectors = gate.columns / W::kValue, total = gate.rows * row_vectors;
      const auto blocks = static_cast<unsigned>((total + kThreads - 1) / kThreads);
      swiglu_gradient<W::kValue><<<blocks, kThreads, 0, Device::instance().stream>>>(
          rows_of<T>(gate), rows_of<T>(up), rows_of<T>(output_gradient), rows_of<T>(gate_gradient), rows_of<T>(up_gradient),
          row_vectors, total);
    });
  });
  check(cudaGetLastError(), "swigluBackward");
}

}  // namespace elastic
