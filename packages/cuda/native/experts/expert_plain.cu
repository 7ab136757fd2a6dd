// Grouped products of any type and alignment, summed in float32: tiles of 64 slots by 64 outputs.
#include "core/device/check.h"
#include "experts/expert_tile.cuh"

namespace elastic {
namespace {

constexpr int kThreads = 256, kTile = 64, kDepth = 16;

template <typename T, bool back>
__global__ void __launch_bounds__(kThreads) expert_plain(const ExpertProduct product) {
  const ExpertTile tile = find_tile(product.offsets, product.experts, static_cast<int>(product.input.rows), blockIdx.y, kTile);
  if (tile.expert < 0) return;
  __shared__ float a[kDepth][kTile + 1], b[kDepth][kTile + 1];
  const T* input = reinterpret_cast<const T*>(product.input.data);
  const T* weight = reinterpret_cast<const T*>(product.weights) + tile.expert * product.weight_stride;
  const int64_t depth = product.input.columns, outputs = product.output.columns, first_output = static_cast<int64_t>(blockIdx.x) * kTile;
  const int row = threadIdx.x / 16 * 4, column = threadIdx.x % 16 * 4;
  float sums[4][4] = {};
  for (int64_t start = 0; start < depth; start += kDepth) {
    for (int i = threadIdx.x; i < kTile * kDepth; i += kThreads) {
      const int line = i / kDepth, k = i % kDepth, slot = tile.first + line;
      const bool there = slot < tile.last && start + k < depth;
      a[k][line] = there ? to_float(input[slot * product.input.row_stride + start + k]) : 0.0f;
    }
    for (int i = threadIdx.x; i < kTile * kDepth; i += kThreads) {
      // Neighbouring threads read neighbouring elements of a row of the weight.
      const int line = back ? i % kTile : i / kDepth, k = back ? i / kTile : i % kDepth;
      const bool there = first_output + line < outputs && start + k < depth;
      const int64_t at = back ? (start + k) * product.weight_columns + first_output + line : (first_output + line) * product.weight_columns + start + k;
      b[k][line] = there ? to_float(weight[at]) : 0.0f;
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < kDepth; ++k) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) sums[i][j] = fmaf(a[k][row + i], b[k][column + j], sums[i][j]);
      }
    }
    __syncthreads();
  }
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 4; ++j) {
      const int slot = tile.first + row + i;
      const int64_t output = first_output + column + j;
      if (slot < tile.last && output < outputs) write_output(product, tile.expert, slot, output, sums[i][j]);
    }
  }
}

}  // namespace

void launch_expert_plain(const ExpertProduct& product, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>((product.output.columns + kTile - 1) / kTile), most_tiles(product, kTile));
  with_float_type(product.dtype, [&]<typename T>(T*) {
    if (product.back) {
      expert_plain<T, true><<<grid, kThreads, 0, stream>>>(product);
    } else {
      expert_plain<T, false><<<grid, kThreads, 0, stream>>>(product);
    }
  });
  check(cudaGetLastError(), "expertLinear");
}

}  // namespace elastic
