// A thread block takes 16 outputs at a time, one tile after another. Its warps share the inputs among them: each copies one
// chunk after another into its own ring of shared memory, some ahead and into the next tile, and multiplies them on the matrix
// units as whole numbers in bf16, which are exact; scales come in float32 after each group. At the end of a tile the warps' sums
// are added in the warps' order.
#pragma once
#include <algorithm>

#include "core/device/check.h"
#include "core/device/device.h"
#include "core/elements/floats.cuh"
#include "ptx/dependent_launch.cuh"
#include "ptx/warp_matrix.cuh"
#include "weights/few_rows/few_rows.h"
#include "weights/few_rows/staged_bytes.cuh"
#include "weights/few_rows/staged_records.cuh"

namespace elastic::weights {

constexpr int kWarps = 8;
constexpr int kFewRowsThreads = 32 * kWarps;
/** Rows of activations that one instruction of the matrix units takes. */
constexpr int kTileRows = 8;

__device__ inline float load_float(const char* data, DType dtype, int64_t index) {
  if (dtype == DType::F32) return reinterpret_cast<const float*>(data)[index];
  if (dtype == DType::BF16) return to_float(reinterpret_cast<const __nv_bfloat16*>(data)[index]);
  return to_float(reinterpret_cast<const __half*>(data)[index]);
}

__device__ inline void store_float(char* data, DType dtype, int64_t index, float value) {
  if (dtype == DType::F32) reinterpret_cast<float*>(data)[index] = value;
  else if (dtype == DType::BF16) reinterpret_cast<__nv_bfloat16*>(data)[index] = from_float<__nv_bfloat16>(value);
  else reinterpret_cast<__half*>(data)[index] = from_float<__half>(value);
}

/** One row of activations, as lane t reads it; a row that there is not is zeros. */
struct ActivationRow {
  const __nv_bfloat16* inputs;
  int count;

  __device__ ActivationRow(const FewRows& call, int row)
      : inputs(static_cast<const __nv_bfloat16*>(call.input) + (row < call.rows ? row * call.input_stride : 0)),
        count(row < call.rows ? static_cast<int>(call.weight.inputs) : 0) {}

  /** The inputs that lane t has of the group from input `first` on; zeros where there are none. */
  template <bool by16>
  __device__ void load(uint32_t (&words)[4], int first, int t) const {
    uint4 loaded = make_uint4(0, 0, 0, 0);
    if (first + lane_input(by16, t, 0) < count) {
      if constexpr (by16) {
        const uint2 low = *reinterpret_cast<const uint2*>(inputs + first + lane_input(true, t, 0));
        const uint2 high = *reinterpret_cast<const uint2*>(inputs + first + lane_input(true, t, 4));
        loaded = make_uint4(low.x, low.y, high.x, high.y);
      } else {
        loaded = *reinterpret_cast<const uint4*>(inputs + first + lane_input(false, t, 0));
      }
    }
    words[0] = loaded.x;
    words[1] = loaded.y;
    words[2] = loaded.z;
    words[3] = loaded.w;
  }
};

/** A warp's chunks, one after another: its own of each tile that its thread block takes. */
struct ChunkCursor {
  int tile;
  int chunk;

  /** To the next one; whether it is of another tile. */
  __device__ bool advance(int first, int chunks) {
    chunk += kWarps;
    if (chunk < chunks) return false;
    chunk = first;
    tile += static_cast<int>(gridDim.x);
    return true;
  }
};

/** Rows of one warp's sums in shared memory: two more than there are, so that outputs lie in other banks. */
template <int tiles>
constexpr int kSumStride = tiles * kTileRows + 2;

/** Adds the warps' sums and writes them. */
template <int tiles>
__device__ inline void write_outputs(const FewRows& call, const float* sums, int first_row, int64_t first_output) {
  for (int index = threadIdx.x; index < kRecordOutputs * tiles * kTileRows; index += kFewRowsThreads) {
    const int place = index % kRecordOutputs, row = index / kRecordOutputs;
    const int64_t output = first_output + place;
    if (first_row + row >= call.rows || output >= call.weight.outputs()) continue;
    float sum = 0;
#pragma unroll
    for (int warp = 0; warp < kWarps; ++warp) sum += sums[(warp * kRecordOutputs + place) * kSumStride<tiles> + row];
    if (call.bias != nullptr) sum += load_float(call.bias, call.bias_dtype, output);
    const int64_t at = (first_row + row) * call.output_stride + output;
    if (call.accumulate) sum += load_float(call.output, call.output_dtype, at);
    store_float(call.output, call.output_dtype, at, sum);
  }
}

/** Bytes of shared memory for the sums of all warps; two of them take turns, so that a tile waits for the one before alone. */
template <int tiles>
constexpr int kSumBytes = kWarps * kRecordOutputs * kSumStride<tiles> * 4;

/** `tiles` of eight rows at a time. */
template <typename Staged, int tiles>
__global__ void __launch_bounds__(kFewRowsThreads, tiles == 1 ? 3 : 2) multiply_rows(const __grid_constant__ FewRows call) {
  extern __shared__ __align__(16) char shared[];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
  const int chunks = static_cast<int>(call.weight.chunks()), first_row = blockIdx.y * tiles * kTileRows;
  const int tile_count = static_cast<int>(call.weight.tiles());
  // A warp beyond the chunks has nothing but zeros to add.
  const bool works = warp < chunks;
  char* ring = shared + 2 * kSumBytes<tiles> + warp * Staged::kStages * Staged::kBytes;
  ChunkCursor ahead{static_cast<int>(blockIdx.x), warp};
  Staged source(call.weight, ahead.tile, lane);
#pragma unroll 1
  for (int stage = 0; stage < Staged::kStages; ++stage) {
    if (works && ahead.tile < tile_count) {
      source.copy(ring + stage * Staged::kBytes, ahead.chunk);
      if (ahead.advance(warp, chunks) && ahead.tile < tile_count) source = Staged(call.weight, ahead.tile, lane);
    }
    ptx::commit_copies();
  }
  // Weights do not depend on the kernel before; activations do.
  ptx::allow_next_kernel();
  ptx::wait_for_previous_kernel();
  int stage = 0, turn = 0;
  for (int tile = static_cast<int>(blockIdx.x); tile < tile_count; tile += static_cast<int>(gridDim.x), turn ^= 1) {
    const Staged weights(call.weight, tile, lane);
    float sums[tiles][4] = {};
    for (int chunk = warp; chunk < chunks; chunk += kWarps) {
      uint32_t inputs[tiles][4][4];
#pragma unroll
      for (int tile_row = 0; tile_row < tiles; ++tile_row) {
        const ActivationRow row(call, first_row + tile_row * kTileRows + g);
#pragma unroll
        for (int group = 0; group < 4; ++group) row.load<Staged::kBy16>(inputs[tile_row][group], chunk * kRecordInputs + group * 32, t);
      }
      ptx::wait_for_copies<Staged::kStages - 1>();
      // What other lanes have copied is there, too.
      __syncwarp();
      char* staged = ring + stage * Staged::kBytes;
      weights.template multiply<tiles>(sums, staged, inputs, chunk);
      __syncwarp();
      if (ahead.tile < tile_count) {
        source.copy(staged, ahead.chunk);
        if (ahead.advance(warp, chunks) && ahead.tile < tile_count) source = Staged(call.weight, ahead.tile, lane);
      }
      ptx::commit_copies();
      stage = stage + 1 == Staged::kStages ? 0 : stage + 1;
    }
    auto* all = reinterpret_cast<float*>(shared + turn * kSumBytes<tiles>);
#pragma unroll
    for (int tile_row = 0; tile_row < tiles; ++tile_row) {
      float* own = all + (warp * kRecordOutputs + g) * kSumStride<tiles> + tile_row * kTileRows + 2 * t;
      *reinterpret_cast<float2*>(own) = make_float2(sums[tile_row][0], sums[tile_row][1]);
      *reinterpret_cast<float2*>(own + 8 * kSumStride<tiles>) = make_float2(sums[tile_row][2], sums[tile_row][3]);
    }
    __syncthreads();
    write_outputs<tiles>(call, all, first_row, static_cast<int64_t>(tile) * kRecordOutputs);
  }
}

template <typename Staged, int tiles>
void launch_rows(const FewRows& call, cudaStream_t stream) {
  constexpr int kShared = 2 * kSumBytes<tiles> + kWarps * Staged::kStages * Staged::kBytes;
  const auto kernel = multiply_rows<Staged, tiles>;
  // One row leaves room for three thread blocks beside each other; several rows are read again for each tile, from the cache that
  // shared memory would take away.
  constexpr bool kOneTileOfRows = tiles == 1;
  static const cudaError_t prepared = [&] {
    const int carveout = kOneTileOfRows ? cudaSharedmemCarveoutMaxShared : cudaSharedmemCarveoutDefault;
    const cudaError_t status = cudaFuncSetAttribute(kernel, cudaFuncAttributePreferredSharedMemoryCarveout, carveout);
    return status != cudaSuccess ? status : cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kShared);
  }();
  check(prepared, "shared memory of a product");
  cudaLaunchAttribute early{};
  early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  early.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t configuration{};
  const int passes = (call.rows + tiles * kTileRows - 1) / (tiles * kTileRows);
  const int64_t resident = kOneTileOfRows ? 3 * Device::instance().multiprocessors : call.weight.tiles();
  configuration.gridDim = dim3(static_cast<unsigned>(std::min(call.weight.tiles(), resident)), static_cast<unsigned>(passes));
  configuration.blockDim = dim3(kFewRowsThreads);
  configuration.dynamicSmemBytes = kShared;
  configuration.stream = stream;
  configuration.attrs = &early;
  configuration.numAttrs = Device::instance().capability >= 90 ? 1 : 0;
  check(cudaLaunchKernelEx(&configuration, kernel, call), "product of few rows");
}

template <typename Staged>
void launch_few_rows(const FewRows& call, cudaStream_t stream) {
  if (call.rows <= kTileRows) return launch_rows<Staged, 1>(call, stream);
  if (call.rows <= 2 * kTileRows) return launch_rows<Staged, 2>(call, stream);
  return launch_rows<Staged, 4>(call, stream);
}

}  // namespace elastic::weights
