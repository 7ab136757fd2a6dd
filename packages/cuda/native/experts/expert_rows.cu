// Grouped products of few slots: a warp for an output of a slot.
#include "core/device/check.h"
#include "core/elements/elements.cuh"
#include "experts/expert_tile.cuh"

namespace elastic {
namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32;

template <typename T, int width>
__global__ void __launch_bounds__(kThreads) expert_rows(const ExpertProduct product) {
  const ExpertTile tile = find_tile(product.offsets, product.experts, static_cast<int>(product.input.rows), blockIdx.y, 1);
  if (tile.expert < 0) return;
  const int64_t output = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (output >= product.output.columns) return;
  const T* x = reinterpret_cast<const T*>(product.input.data) + tile.first * product.input.row_stride;
  const T* w = reinterpret_cast<const T*>(product.weights) + tile.expert * product.weight_stride + output * product.weight_columns;
  const int depth = static_cast<int>(product.input.columns);
  float sum = 0;
  for (int i = threadIdx.x % 32 * width; i < depth; i += 32 * width) {
    float left[width], right[width];
    load_floats(x + i, left);
    load_floats(w + i, right);
#pragma unroll
    for (int k = 0; k < width; ++k) sum = fmaf(left[k], right[k], sum);
  }
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) write_output(product, tile.expert, tile.first, output, sum);
}

}  // namespace

void launch_expert_rows(const ExpertProduct& product, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>((product.output.columns + kWarps - 1) / kWarps), static_cast<unsigned>(product.input.rows));
  const bool vectors = reads_vectors(product.input) && product.weight_columns % kVectorWidth == 0 &&
                       reinterpret_cast<uintptr_t>(product.weights) % 16 == 0;
  with_float_type(product.dtype, [&]<typename T>(T*) {
    with_width(vectors, [&]<typename W>(W) { expert_rows<T, W::kValue><<<grid, kThreads, 0, stream>>>(product); });
  });
  check(cudaGetLastError(), "expertLinear");
}

}  // namespace elastic
