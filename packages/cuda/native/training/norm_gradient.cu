// Gradients of both norms: a warp for a short vector (a head), a block for a long one (a row of the stream).
#include "core/elements/block_sums.cuh"
#include "core/device/check.h"
#include "core/device/device.h"
#include "core/elements/elements.cuh"
#include "operations/row_kernels.h"
#include "training/training_operations.h"

namespace elastic {
namespace {

constexpr int kThreads = 256;
/** Vectors up to this many elements get a warp each. */
constexpr int64_t kWarpElements = 512;

/** Vectors of `length` elements, `per_row` of them side by side in a row. */
template <typename X, typename Dy, typename Dx>
struct NormGradient {
  Rows<X> x;
  Rows<Dy> dy;
  Rows<Dx> dx;
  const float* weight;
  float epsilon;
  int length;
  int per_row;
  int64_t vectors;
  bool accumulate;
};

template <bool warp_each, int width, typename X, typename Dy, typename Dx>
__global__ void __launch_bounds__(kThreads) norm_gradient(const NormGradient<X, Dy, Dx> call) {
  const int64_t vector = warp_each ? (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) / 32 : blockIdx.x;
  if (vector >= call.vectors) return;
  const int64_t row = vector / call.per_row;
  const int column = static_cast<int>(vector % call.per_row) * call.length;
  const X* x = call.x[row] + column;
  const Dy* dy = call.dy[row] + column;
  Dx* dx = call.dx[row] + column;
  const int first = (warp_each ? threadIdx.x % 32 : threadIdx.x) * width, step = (warp_each ? 32 : kThreads) * width;
  float squares = 0, products = 0;
  for (int i = first; i < call.length; i += step) {
    float values[width], gradients[width], weights[width];
    load_floats(x + i, values);
    load_floats(dy + i, gradients);
    load_floats(call.weight + i, weights);
#pragma unroll
    for (int k = 0; k < width; ++k) {
      squares += values[k] * values[k];
      products += values[k] * (gradients[k] * weights[k]);
    }
  }
  squares = warp_each ? warp_sum(squares) : block_sum(squares);
  products = warp_each ? warp_sum(products) : block_sum(products);
  const float length = static_cast<float>(call.length);
  const float scale = rsqrtf(squares / length + call.epsilon);
  const float along = products / length * scale * scale * scale;
  for (int i = first; i < call.length; i += step) {
    float values[width], gradients[width], weights[width], results[width] = {};
    load_floats(x + i, values);
    load_floats(dy + i, gradients);
    load_floats(call.weight + i, weights);
    if (call.accumulate) load_floats(dx + i, results);
#pragma unroll
    for (int k = 0; k < width; ++k) results[k] += gradients[k] * weights[k] * scale - values[k] * along;
    store_floats(dx + i, results);
  }
}

void launch(const Matrix& input, const Matrix& weight, int64_t length, float epsilon, const Matrix& output_gradient,
            const Matrix& input_gradient, bool accumulate) {
  if (input.rows == 0 || input.columns == 0) return;
  const cudaStream_t stream = Device::instance().stream;
  const Scratch wide(static_cast<size_t>(length) * 4);
  launch_cast(weight, Matrix{wide.data(), 1, length, length, DType::F32}, stream);
  const int64_t per_row = input.columns / length, vectors = input.rows * per_row;
  const bool warp_each = length <= kWarpElements;
  const bool wide_rows = length % kVectorWidth == 0 && reads_vectors(input) && reads_vectors(output_gradient) && reads_vectors(input_gradient);
  const auto blocks = static_cast<unsigned>(warp_each ? (vectors * 32 + kThreads - 1) / kThreads : vectors);
  with_float_type(input.dtype, [&]<typename X>(X*) {
    with_float_type(output_gradient.dtype, [&]<typename Dy>(Dy*) {
      with_float_type(input_gradient.dtype, [&]<typename Dx>(Dx*) {
        const NormGradient<X, Dy, Dx> call{rows_of<X>(input), rows_of<Dy>(output_gradient), rows_of<Dx>(input_gradient),
                                           reinterpret_cast<const float*>(wide.data()), epsilon, static_cast<int>(length),
                                           static_cast<int>(per_row), vectors, accumulate};
        with_width(wide_rows, [&]<typename W>(W) {
          if (warp_each) {
            norm_gradient<true, W::kValue><<<blocks, kThreads, 0, stream>>>(call);
          } else {
            norm_gradient<false, W::kValue><<<blocks, kThreads, 0, stream>>>(call);
          }
        });
      });
    });
  });
  check(cudaGetLastError(), "rmsNormBackward");
}

}  // namespace

void backend::rms_norm_backward(const Matrix& input, const Matrix& weight, float epsilon, const Matrix& output_gradient,
                                const Matrix& input_gradient, bool accumulate) {
  launch(input, weight, input.columns, epsilon, output_gradient, input_gradient, accumulate);
}

void backend::head_norm_backward(const Matrix& heads, const Matrix& weight, float epsilon, const Matrix& output_gradient,
                                 const Matrix& input_gradient) {
  launch(heads, weight, weight.columns, epsilon, output_gradient, input_gradient, false);
}

}  // namespace elastic
