// Grouped products of 16-bit operands on the matrix units: tiles of 64 slots by 128 outputs, 64 of the depth at a time.
#include "core/device/check.h"
#include "experts/expert_tile.cuh"
#include "ptx/warp_matrix.cuh"

namespace elastic {
namespace {

constexpr int kRows = 64, kOutputs = 128, kDepth = 64, kStages = 3;
/** Two warps along the slots, four along the outputs: 32 × 32 each. */
constexpr int kWarps = 8, kThreads = kWarps * 32;
/** Lines of 16 bytes in a row of the depth, and in a row of outputs. */
constexpr int kDepthLines = kDepth / 8, kOutputLines = kOutputs / 8;
constexpr int kInputBytes = kRows * kDepth * 2, kWeightBytes = kOutputs * kDepth * 2, kStageBytes = kInputBytes + kWeightBytes;
constexpr int kSharedBytes = kStages * kStageBytes;

/** Where line `line` of a row of 8 or 16 lines lies: rows that are read together meet in no bank. */
__device__ inline uint32_t place(int row, int line, int lines) { return static_cast<uint32_t>(row * lines + (line ^ (row % 8))) * 16; }

template <typename T, bool back>
struct Operands {
  const T* input;
  int64_t input_stride;
  const T* weight;
  int64_t weight_columns;
  ExpertTile tile;
  int64_t first_output, outputs, depth;

  /** Starts the copies of one step; what is not there becomes zero. */
  __device__ void fetch(uint32_t shared, int64_t start) const {
    for (int i = threadIdx.x; i < kRows * kDepthLines; i += kThreads) {
      const int row = i / kDepthLines, line = i % kDepthLines;
      const int slot = tile.first + row;
      const bool there = slot < tile.last && start + line * 8 < depth;
      ptx::copy_line(shared + place(row, line, kDepthLines), there ? input + slot * input_stride + start + line * 8 : input, there);
    }
    const uint32_t weights = shared + kInputBytes;
    if constexpr (back) {
      // Rows of the depth, as the weight has them.
      for (int i = threadIdx.x; i < kDepth * kOutputLines; i += kThreads) {
        const int row = i / kOutputLines, line = i % kOutputLines;
        const bool there = start + row < depth && first_output + line * 8 < outputs;
        const T* source = weight + (start + row) * weight_columns + first_output + line * 8;
        ptx::copy_line(weights + place(row, line, kOutputLines), there ? source : weight, there);
      }
    } else {
      for (int i = threadIdx.x; i < kOutputs * kDepthLines; i += kThreads) {
        const int row = i / kDepthLines, line = i % kDepthLines;
        const bool there = first_output + row < outputs && start + line * 8 < depth;
        const T* source = weight + (first_output + row) * weight_columns + start + line * 8;
        ptx::copy_line(weights + place(row, line, kDepthLines), there ? source : weight, there);
      }
    }
  }
};

/** The 16 × 8 sums of a warp's part. */
struct Sums {
  float values[2][4][4] = {};
};

template <typename T, bool back>
__device__ void multiply_step(uint32_t shared, int warp_row, int warp_output, Sums& sums) {
  const int lane = threadIdx.x % 32;
  const uint32_t weights = shared + kInputBytes;
#pragma unroll
  for (int k = 0; k < kDepth; k += 16) {
    uint32_t a[2][4], b[2][4];
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      // Matrices: rows 0-7 and 8-15 of the first eight of the depth, then of the others.
      const int row = warp_row + i * 16 + lane % 16, line = k / 8 + lane / 16;
      ptx::load_matrices(a[i], shared + place(row, line, kDepthLines));
    }
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      // Matrices: outputs 0-7 with both halves of the depth, then outputs 8-15.
      if constexpr (back) {
        const int row = k + lane % 16, line = (warp_output + j * 16) / 8 + lane / 16;
        ptx::load_matrices_transposed(b[j], weights + place(row, line, kOutputLines));
      } else {
        const int row = warp_output + j * 16 + lane % 8 + lane / 16 * 8, line = k / 8 + lane / 8 % 2;
        ptx::load_matrices(b[j], weights + place(row, line, kDepthLines));
      }
    }
#pragma unroll
    for (int i = 0; i < 2; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        ptx::multiply_accumulate<T>(sums.values[i][j], a[i], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
      }
    }
  }
}

template <typename T, bool back>
__global__ void __launch_bounds__(kThreads) expert_tiles(const ExpertProduct product) {
  extern __shared__ __align__(128) char memory[];
  const ExpertTile tile = find_tile(product.offsets, product.experts, static_cast<int>(product.input.rows), blockIdx.y, kRows);
  if (tile.expert < 0) return;
  const Operands<T, back> operands{reinterpret_cast<const T*>(product.input.data),
                                   product.input.row_stride,
                                   reinterpret_cast<const T*>(product.weights) + tile.expert * product.weight_stride,
                                   product.weight_columns,
                                   tile,
                                   static_cast<int64_t>(blockIdx.x) * kOutputs,
                                   product.output.columns,
                                   product.input.columns};
  const auto shared = static_cast<uint32_t>(__cvta_generic_to_shared(memory));
  const int steps = static_cast<int>((operands.depth + kDepth - 1) / kDepth);
  for (int step = 0; step < kStages - 1; ++step) {
    if (step < steps) operands.fetch(shared + step * kStageBytes, step * kDepth);
    ptx::commit_copies();
  }
  const int warp = threadIdx.x / 32, warp_row = warp / 4 * 32, warp_output = warp % 4 * 32;
  Sums sums;
  for (int step = 0; step < steps; ++step) {
    ptx::wait_for_copies<kStages - 2>();
    __syncthreads();
    // The stage that was read in the step before is free now.
    const int next = step + kStages - 1;
    if (next < steps) operands.fetch(shared + next % kStages * kStageBytes, static_cast<int64_t>(next) * kDepth);
    ptx::commit_copies();
    multiply_step<T, back>(shared + step % kStages * kStageBytes, warp_row, warp_output, sums);
  }
  const int lane = threadIdx.x % 32;
  for (int i = 0; i < 2; ++i) {
    for (int j = 0; j < 4; ++j) {
      for (int value = 0; value < 4; ++value) {
        const int slot = tile.first + warp_row + i * 16 + lane / 4 + value / 2 * 8;
        const int64_t output = operands.first_output + warp_output + j * 8 + lane % 4 * 2 + value % 2;
        if (slot < tile.last && output < operands.outputs) write_output(product, tile.expert, slot, output, sums.values[i][j][value]);
      }
    }
  }
}

template <typename T, bool back>
void launch(const ExpertProduct& product, cudaStream_t stream) {
  check(cudaFuncSetAttribute(expert_tiles<T, back>, cudaFuncAttributeMaxDynamicSharedMemorySize, kSharedBytes), "cudaFuncSetAttribute");
  const dim3 grid(static_cast<unsigned>((product.output.columns + kOutputs - 1) / kOutputs), most_tiles(product, kRows));
  expert_tiles<T, back><<<grid, kThreads, kSharedBytes, stream>>>(product);
  check(cudaGetLastError(), "expertLinear");
}

}  // namespace

bool serves_expert_tiles(const ExpertProduct& product) {
  const auto aligned = [](const void* data) { return reinterpret_cast<uintptr_t>(data) % 16 == 0; };
  return product.dtype != DType::F32 && aligned(product.input.data) && aligned(product.weights) && product.input.row_stride % 8 == 0 &&
         product.input.columns % 8 == 0 && product.weight_columns % 8 == 0 && product.weight_stride % 8 == 0;
}

void launch_expert_tiles(const ExpertProduct& product, cudaStream_t stream) {
  const bool bf16 = product.dtype == DType::BF16;
  if (product.back) {
    if (bf16) launch<__nv_bfloat16, true>(product, stream);
    else launch<__half, true>(product, stream);
  } else {
    if (bf16) launch<__nv_bfloat16, false>(product, stream);
    else launch<__half, false>(product, stream);
  }
}

}  // namespace elastic
