// Losses of rows of logits and their gradient: a block reads its row once for both the maximum and the sum, and a second
// time, mostly from the second-level cache, where the gradient is wanted.
#include "core/elements/block_sums.cuh"
#include "core/device/check.h"
#include "core/device/device.h"
#include "core/elements/elements.cuh"
#include "training/training_operations.h"

namespace elastic {
namespace {

constexpr int kThreads = 512;
constexpr float kLog2E = 1.44269504f;

/** A maximum, and the sum of exponentials below it. */
struct OnlineSum {
  float maximum = -INFINITY;
  float sum = 0;

  template <int width>
  __device__ void add(const float (&values)[width]) {
    float largest = values[0];
#pragma unroll
    for (int i = 1; i < width; ++i) largest = fmaxf(largest, values[i]);
    if (largest > maximum) {
      sum *= exp2f((maximum - largest) * kLog2E);
      maximum = largest;
    }
    // Nothing but -infinity so far: its exponentials are 0, not NaN.
    const float shift = maximum == -INFINITY ? 0.0f : maximum;
#pragma unroll
    for (int i = 0; i < width; ++i) sum += exp2f((values[i] - shift) * kLog2E);
  }
};

template <int width, typename In, typename Out>
__global__ void __launch_bounds__(kThreads) cross_entropy_rows(Rows<In> logits, const int32_t* targets, float* losses, Rows<Out> gradients,
                                                               float scale, int64_t vocabulary) {
  const int64_t row = blockIdx.x;
  const int32_t target = targets[row];
  Out* gradient = gradients.data == nullptr ? nullptr : gradients[row];
  if (target < 0) {
    if (threadIdx.x == 0) losses[row] = 0;
    if (gradient == nullptr) return;
    const float zeros[width] = {};
    for (int64_t i = threadIdx.x * width; i < vocabulary; i += kThreads * width) store_floats(gradient + i, zeros);
    return;
  }
  const In* x = logits[row];
  OnlineSum online;
  for (int64_t i = threadIdx.x * width; i < vocabulary; i += kThreads * width) {
    float values[width];
    load_floats(x + i, values);
    online.add(values);
  }
  const float maximum = block_max(online.maximum);
  const float sum = block_sum(online.sum == 0 ? 0.0f : online.sum * exp2f((online.maximum - maximum) * kLog2E));
  const bool known = target < vocabulary;
  if (threadIdx.x == 0) losses[row] = known ? (maximum - to_float(x[target])) + logf(sum) : NAN;
  if (gradient == nullptr) return;
  // The gradient may replace the logits: nothing of them is read by another thread from here on.
  __syncthreads();
  const float factor = known ? scale / sum : NAN;
  for (int64_t i = threadIdx.x * width; i < vocabulary; i += kThreads * width) {
    float values[width];
    load_floats(x + i, values);
#pragma unroll
    for (int k = 0; k < width; ++k) {
      values[k] = exp2f((values[k] - maximum) * kLog2E) * factor - (i + k == target ? scale : 0.0f);
    }
    store_floats(gradient + i, values);
  }
}

}  // namespace

void backend::cross_entropy(const Matrix& logits, const Matrix& targets, const Matrix& losses, const Matrix& logits_gradient,
                            float scale) {
  if (logits.rows == 0) return;
  const bool vectors = reads_vectors(logits) && (logits_gradient.data == nullptr || reads_vectors(logits_gradient));
  with_float_type(logits.dtype, [&]<typename In>(In*) {
    with_float_type(logits_gradient.data == nullptr ? logits.dtype : logits_gradient.dtype, [&]<typename Out>(Out*) {
      with_width(vectors, [&]<typename W>(W) {
        cross_entropy_rows<W::kValue><<<static_cast<unsigned>(logits.rows), kThreads, 0, Device::instance().stream>>>(
            rows_of<In>(logits), reinterpret_cast<const int32_t*>(targets.data), reinterpret_cast<float*>(losses.data),
            rows_of<Out>(logits_gradient), scale, logits.columns);
      });
    });
  });
  check(cudaGetLastError(), "crossEntropy");
}

}  // namespace elastic
