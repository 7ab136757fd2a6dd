#include "weights/quantise/round_rows.h"

#include <cuda_fp8.h>

#include "core/device/check.h"
#include "core/elements/elements.cuh"

namespace elastic::weights {
namespace {

constexpr int kThreads = 256;
constexpr float kLargest = 448;

/** The largest of all threads' values. */
__device__ inline float block_max(float value) {
  __shared__ float largest[kThreads / 32];
  value = warp_max(value);
  if (threadIdx.x % 32 == 0) largest[threadIdx.x / 32] = value;
  __syncthreads();
  value = largest[0];
#pragma unroll
  for (int warp = 1; warp < kThreads / 32; ++warp) value = fmaxf(value, largest[warp]);
  return value;
}

/** The scale of a largest magnitude; NaN where something is not finite. */
__device__ inline float scale_for(float largest) {
  if (largest == 0) return 1;
  return largest < INFINITY ? fmaxf(largest / kLargest, 0x1p-126f) : NAN;
}

template <int width, typename In>
__device__ inline float largest_of(const In* source) {
  float values[width], largest = 0;
  load_floats<width>(source, values);
  // What is not finite is infinite here: a maximum would pass over NaN.
  for (const float value : values) largest = fmaxf(largest, isfinite(value) ? fabsf(value) : INFINITY);
  return largest;
}

template <int width, typename In>
__device__ inline void store_rounded(const In* source, float scale, char* target) {
  float values[width];
  load_floats<width>(source, values);
  Elements<width, char> bytes;
  for (int k = 0; k < width; ++k) bytes.values[k] = static_cast<char>(__nv_cvt_float_to_fp8(values[k] / scale, __NV_SATFINITE, __NV_E4M3));
  *reinterpret_cast<Elements<width, char>*>(target) = bytes;
}

/** A thread block for a row, which is read twice: the second time from the cache. */
template <int width, typename In>
__global__ void __launch_bounds__(kThreads) round_row(Rows<const In> input, int64_t columns, E4M3Rows output) {
  const int64_t row = blockIdx.x;
  const In* source = input[row];
  float largest = 0;
  for (int64_t i = threadIdx.x * width; i < columns; i += kThreads * width) largest = fmaxf(largest, largest_of<width>(source + i));
  const float scale = scale_for(block_max(largest));
  if (threadIdx.x == 0) output.scales[row] = scale;
  char* target = output.bytes + row * output.row_bytes;
  for (int64_t i = threadIdx.x * width; i < columns; i += kThreads * width) store_rounded<width>(source + i, scale, target + i);
  for (int64_t i = columns + threadIdx.x; i < output.row_bytes; i += kThreads) target[i] = 0;
}

/** A warp for 128 columns of a row. */
template <typename In>
__global__ void __launch_bounds__(kThreads) round_blocks(Rows<const In> input, int64_t columns, int64_t rows, E4M3Rows output) {
  const int64_t warp = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) / 32, blocks = columns / 128;
  if (warp >= rows * blocks) return;
  const int64_t row = warp / blocks, block = warp % blocks, column = block * 128 + threadIdx.x % 32 * 4;
  const In* source = input[row] + column;
  const float scale = scale_for(warp_max(largest_of<4>(source)));
  if (threadIdx.x % 32 == 0) output.scales[block * rows + row] = scale;
  store_rounded<4>(source, scale, output.bytes + row * output.row_bytes + column);
}

}  // namespace

void round_rows(const Matrix& input, const E4M3Rows& output, cudaStream_t stream) {
  if (input.rows * input.columns == 0) return;
  with_float_type(input.dtype, [&]<typename In>(In*) {
    const Rows<const In> rows{reinterpret_cast<const In*>(input.data), input.row_stride};
    const auto blocks = static_cast<unsigned>(input.rows);
    if (output.blocks) {
      const int64_t warps = input.rows * (input.columns / 128);
      round_blocks<<<static_cast<unsigned>((warps * 32 + kThreads - 1) / kThreads), kThreads, 0, stream>>>(rows, input.columns, input.rows, output);
    } else if (reads_vectors(input)) {
      round_row<kVectorWidth><<<blocks, kThreads, 0, stream>>>(rows, input.columns, output);
    } else {
      round_row<1><<<blocks, kThreads, 0, stream>>>(rows, input.columns, output);
    }
  });
  check(cudaGetLastError(), "rounding to e4m3");
}

}  // namespace elastic::weights
