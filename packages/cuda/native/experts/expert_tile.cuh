// Which expert a block works for, and how results are written.
#pragma once
#include <cstdint>

#include "core/elements/floats.cuh"
#include "experts/expert_kernels.h"

namespace elastic {

/** Some slots of one expert. */
struct ExpertTile {
  int expert;
  int first;
  int last;
};

/**
 * Tile `index` of `rows` slots each, counted through all experts; an empty one behind the last. Every thread calls it; the
 * first warp looks.
 */
__device__ inline ExpertTile find_tile(const int32_t* offsets, int experts, int slots, int index, int rows) {
  __shared__ ExpertTile found;
  if (threadIdx.x < 32) {
    if (threadIdx.x == 0) found = {-1, 0, 0};
    __syncwarp();
    int before = 0;
    for (int base = 0; base < experts && before <= index; base += 32) {
      const int expert = base + static_cast<int>(threadIdx.x);
      // Offsets are what a kernel before has written; what lies outside is left out.
      const int first = expert < experts ? min(max(offsets[expert], 0), slots) : 0;
      const int last = expert < experts ? min(max(offsets[expert + 1], first), slots) : 0;
      const int tiles = (last - first + rows - 1) / rows;
      int sum = tiles;
      for (int step = 1; step < 32; step *= 2) {
        const int below = __shfl_up_sync(0xffffffffu, sum, step);
        if (static_cast<int>(threadIdx.x) >= step) sum += below;
      }
      const int start = before + sum - tiles;
      if (index >= start && index < start + tiles) {
        const int from = first + (index - start) * rows;
        found = {expert, from, min(from + rows, last)};
      }
      before += __shfl_sync(0xffffffffu, sum, 31);
    }
  }
  __syncthreads();
  return found;
}

/** An element of any float type. */
__device__ inline float read_as(const char* data, DType dtype, int64_t index) {
  if (dtype == DType::F32) return reinterpret_cast<const float*>(data)[index];
  if (dtype == DType::BF16) return to_float(reinterpret_cast<const __nv_bfloat16*>(data)[index]);
  return to_float(reinterpret_cast<const __half*>(data)[index]);
}
__device__ inline void write_as(char* data, DType dtype, int64_t index, float value) {
  if (dtype == DType::F32) {
    reinterpret_cast<float*>(data)[index] = value;
  } else if (dtype == DType::BF16) {
    reinterpret_cast<__nv_bfloat16*>(data)[index] = from_float<__nv_bfloat16>(value);
  } else {
    reinterpret_cast<__half*>(data)[index] = from_float<__half>(value);
  }
}

/** output[slot][column] = value (+ bias of the expert). */
__device__ inline void write_output(const ExpertProduct& product, int expert, int slot, int64_t column, float value) {
  const Matrix &bias = product.bias, &output = product.output;
  if (bias.data != nullptr) value += read_as(bias.data, bias.dtype, expert * bias.row_stride + column);
  write_as(output.data, output.dtype, slot * output.row_stride + column, value);
}

/** Tiles of `rows` slots that any division of the slots among the experts needs at most. */
inline unsigned most_tiles(const ExpertProduct& product, int64_t rows) {
  const int64_t slots = product.input.rows, experts = product.experts;
  const int64_t most = (slots + rows - 1) / rows + experts;
  return static_cast<unsigned>(most < slots ? most : slots);
}

}  // namespace elastic
