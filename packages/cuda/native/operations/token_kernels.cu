#include <climits>

#include "core/device/check.h"
#include "core/elements/block_sums.cuh"
#include "core/elements/floats.cuh"
#include "operations/row_kernels.h"

namespace elastic {
namespace {

constexpr int kThreads = 256;

template <typename In, typename Out>
__global__ void softmax_rows(Rows<In> input, Rows<Out> output, int64_t columns) {
  const In* x = input[blockIdx.x];
  __shared__ float highest[32];
  float maximum = -INFINITY;
  for (int64_t i = threadIdx.x; i < columns; i += blockDim.x) maximum = fmaxf(maximum, to_float(x[i]));
  maximum = warp_max(maximum);
  if (threadIdx.x % 32 == 0) highest[threadIdx.x / 32] = maximum;
  __syncthreads();
  maximum = highest[0];
  for (unsigned i = 1; i < blockDim.x / 32; ++i) maximum = fmaxf(maximum, highest[i]);
  float sum = 0;
  for (int64_t i = threadIdx.x; i < columns; i += blockDim.x) sum += expf(to_float(x[i]) - maximum);
  const float inverse = 1.0f / block_sum(sum);
  Out* y = output[blockIdx.x];
  for (int64_t i = threadIdx.x; i < columns; i += blockDim.x) y[i] = from_float<Out>(expf(to_float(x[i]) - maximum) * inverse);
}

/** The lowest index among equal maxima. */
template <typename In>
__global__ void argmax_rows(Rows<In> input, int32_t* output, int64_t columns) {
  const In* x = input[blockIdx.x];
  float best = -INFINITY;
  int at = INT_MAX;
  for (int64_t i = threadIdx.x; i < columns; i += blockDim.x) {
    const float value = to_float(x[i]);
    if (value > best || (value == best && i < at)) {
      best = value;
      at = static_cast<int>(i);
    }
  }
  __shared__ float values[kThreads];
  __shared__ int places[kThreads];
  values[threadIdx.x] = best;
  places[threadIdx.x] = at;
  for (unsigned step = kThreads / 2; step > 0; step /= 2) {
    __syncthreads();
    if (threadIdx.x < step) {
      const float other = values[threadIdx.x + step];
      const int place = places[threadIdx.x + step];
      if (other > values[threadIdx.x] || (other == values[threadIdx.x] && place < places[threadIdx.x])) {
        values[threadIdx.x] = other;
        places[threadIdx.x] = place;
      }
    }
  }
  if (threadIdx.x == 0) output[blockIdx.x] = places[0] == INT_MAX ? 0 : places[0];
}

}  // namespace

void launch_softmax(const Matrix& input, const Matrix& output, cudaStream_t stream) {
  if (input.rows == 0 || input.columns == 0) return;
  with_float_type(input.dtype, [&]<typename In>(In*) {
    with_float_type(output.dtype, [&]<typename Out>(Out*) {
      softmax_rows<<<static_cast<unsigned>(input.rows), kThreads, 0, stream>>>(rows_of<In>(input), rows_of<Out>(output),
                                                                              input.columns);
    });
  });
  check(cudaGetLastError(), "softmax");
}

void launch_argmax(const Matrix& input, const Matrix& output, cudaStream_t stream) {
  if (input.rows == 0) return;
  with_float_type(input.dtype, [&]<typename In>(In*) {
    argmax_rows<<<static_cast<unsigned>(input.rows), kThreads, 0, stream>>>(
        rows_of<In>(input), reinterpret_cast<int32_t*>(output.data), input.columns);
  });
  check(cudaGetLastError(), "argmax");
}

}  // namespace elastic
