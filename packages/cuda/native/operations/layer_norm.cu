// LayerNorm and its gradient: a block for a row, which two passes read after its mean.
#include "addon/operations.h"
#include "core/device/check.h"
#include "core/device/device.h"
#include "core/elements/block_sums.cuh"
#include "core/elements/elements.cuh"
#include "operations/row_kernels.h"
#include "training/training_operations.h"

namespace elastic {
namespace {

constexpr int kThreads = 256;

struct Moments {
  float mean;
  /** 1 / sqrt(variance + epsilon). */
  float scale;
};

template <int width, typename T>
__device__ Moments row_moments(const T* x, int columns, float epsilon) {
  float sum = 0;
  for (int i = threadIdx.x * width; i < columns; i += kThreads * width) {
    float values[width];
    load_floats(x + i, values);
#pragma unroll
    for (int k = 0; k < width; ++k) sum += values[k];
  }
  const float mean = block_sum(sum) / static_cast<float>(columns);
  float squares = 0;
  for (int i = threadIdx.x * width; i < columns; i += kThreads * width) {
    float values[width];
    load_floats(x + i, values);
#pragma unroll
    for (int k = 0; k < width; ++k) squares += (values[k] - mean) * (values[k] - mean);
  }
  return {mean, rsqrtf(block_sum(squares) / static_cast<float>(columns) + epsilon)};
}

template <int width, typename In, typename Out>
__global__ void __launch_bounds__(kThreads)
    layer_norm_rows(Rows<In> input, const float* weight, const float* bias, Rows<Out> output, int columns, float epsilon) {
  const int64_t row = blockIdx.x;
  const In* x = input[row];
  const Moments moments = row_moments<width>(x, columns, epsilon);
  for (int i = threadIdx.x * width; i < columns; i += kThreads * width) {
    float values[width], weights[width], biases[width] = {};
    load_floats(x + i, values);
    load_floats(weight + i, weights);
    if (bias != nullptr) load_floats(bias + i, biases);
#pragma unroll
    for (int k = 0; k < width; ++k) values[k] = (values[k] - moments.mean) * moments.scale * weights[k] + biases[k];
    store_floats(output[row] + i, values);
  }
}

template <int width, typename X, typename Dy, typename Dx>
__global__ void __launch_bounds__(kThreads) layer_norm_gradient(Rows<X> input, const float* weight, Rows<Dy> output_gradient,
                                                                Rows<Dx> input_gradient, int columns, float epsilon, bool accumulate) {
  const int64_t row = blockIdx.x;
  const X* x = input[row];
  const Dy* dy = output_gradient[row];
  Dx* dx = input_gradient[row];
  const Moments moments = row_moments<width>(x, columns, epsilon);
  float sums = 0, products = 0;
  for (int i = threadIdx.x * width; i < columns; i += kThreads * width) {
    float values[width], gradients[width], weights[width];
    load_floats(x + i, values);
    load_floats(dy + i, gradients);
    load_floats(weight + i, weights);
#pragma unroll
    for (int k = 0; k < width; ++k) {
      const float u = gradients[k] * weights[k];
      sums += u;
      products += u * (values[k] - moments.mean) * moments.scale;
    }
  }
  const float average = block_sum(sums) / static_cast<float>(columns), along = block_sum(products) / static_cast<float>(columns);
  for (int i = threadIdx.x * width; i < columns; i += kThreads * width) {
    float values[width], gradients[width], weights[width], results[width] = {};
    load_floats(x + i, values);
    load_floats(dy + i, gradients);
    load_floats(weight + i, weights);
    if (accumulate) load_floats(dx + i, results);
#pragma unroll
    for (int k = 0; k < width; ++k) {
      const float normed = (values[k] - moments.mean) * moments.scale;
      results[k] += (gradients[k] * weights[k] - average - normed * along) * moments.scale;
    }
    store_floats(dx + i, results);
  }
}

/** A vector of any float type as float32, 16-byte aligned, for the time of a call. */
class WideVector {
 public:
  explicit WideVector(const Matrix& vector) : memory_(static_cast<size_t>(vector.columns) * 4) {
    if (vector.data == nullptr) return;
    launch_cast(vector, Matrix{memory_.data(), 1, vector.columns, vector.columns, DType::F32}, Device::instance().stream);
    data_ = reinterpret_cast<const float*>(memory_.data());
  }
  const float* data() const { return data_; }

 private:
  Scratch memory_;
  const float* data_ = nullptr;
};

}  // namespace

namespace backend {

void layer_norm(const Matrix& input, const Matrix& weight, const Matrix& bias, const Matrix& output, float epsilon) {
  if (input.rows == 0 || input.columns == 0) return;
  const WideVector weights(weight), biases(bias);
  with_width(reads_vectors(input) && reads_vectors(output), [&]<typename W>(W) {
    with_float_type(input.dtype, [&]<typename In>(In*) {
      with_float_type(output.dtype, [&]<typename Out>(Out*) {
        layer_norm_rows<W::kValue><<<static_cast<unsigned>(input.rows), kThreads, 0, Device::instance().stream>>>(
            rows_of<In>(input), weights.data(), biases.data(), rows_of<Out>(output), static_cast<int>(input.columns), epsilon);
      });
    });
  });
  check(cudaGetLastError(), "layerNorm");
}

void layer_norm_backward(const Matrix& input, const Matrix& weight, float epsilon, const Matrix& output_gradient,
                         const Matrix& input_gradient, bool accumulate) {
  if (input.rows == 0 || input.columns == 0) return;
  const WideVector weights(weight);
  const bool vectors = reads_vectors(input) && reads_vectors(output_gradient) && reads_vectors(input_gradient);
  with_width(vectors, [&]<typename W>(W) {
    with_float_type(input.dtype, [&]<typename X>(X*) {
      with_float_type(output_gradient.dtype, [&]<typename Dy>(Dy*) {
        with_float_type(input_gradient.dtype, [&]<typename Dx>(Dx*) {
          layer_norm_gradient<W::kValue><<<static_cast<unsigned>(input.rows), kThreads, 0, Device::instance().stream>>>(
              rows_of<X>(input), weights.data(), rows_of<Dy>(output_gradient), rows_of<Dx>(input_gradient),
              static_cast<int>(input.columns), epsilon, accumulate);
        });
      });
    });
  });
  check(cudaGetLastError(), "layerNormBackward");
}

}  // namespace backend
}  // namespace elastic
