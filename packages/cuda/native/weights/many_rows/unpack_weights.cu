#include "weights/many_rows/unpack_weights.h"

#include "core/device/check.h"
#include "core/elements/elements.cuh"
#include "weights/few_rows/staged_bytes.cuh"
#include "weights/records/record_formats.cuh"

namespace elastic::weights {
namespace {

constexpr int kThreads = 256;

__device__ inline void pair_values(Pair pair, float& first, float& second) {
  __nv_bfloat162 values;
  memcpy(&values, &pair, 4);
  first = __low2float(values);
  second = __high2float(values);
}

/** A warp for a record, whose lanes write what they would multiply. */
template <typename Format>
__global__ void __launch_bounds__(kThreads) unpack_records(WeightSegment segment, int64_t first, int64_t count, __nv_bfloat16* panel) {
  constexpr bool kBy16 = Format::Scales::kBy16;
  const int64_t chunks = segment.chunks(), warp = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) / 32;
  if (warp >= (count + kRecordOutputs - 1) / kRecordOutputs * chunks) return;
  const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
  const int64_t tile = warp / chunks, chunk = warp % chunks;
  const char* record = segment.data + ((first / kRecordOutputs + tile) * chunks + chunk) * Format::kBytes;
  const typename Format::Codes codes(record, lane);
  const typename Format::Scales scales(record + Format::Codes::kBytes, g);
#pragma unroll
  for (int row = 0; row < 2; ++row) {
    const int64_t output = tile * kRecordOutputs + g + 8 * row;
    if (output >= count) continue;
#pragma unroll
    for (int group = 0; group < 4; ++group) {
      const int64_t input = chunk * kRecordInputs + group * 32;
      if (input >= segment.inputs) continue;
      const float minimum = scales.minimum(row, group);
#pragma unroll
      for (int step = 0; step < 2; ++step) {
        const float scale = scales.scale(row, kBy16 ? 2 * group + step : group);
        float values[4];
        pair_values(codes.pair(row, group, 2 * step), values[0], values[1]);
        pair_values(codes.pair(row, group, 2 * step + 1), values[2], values[3]);
        for (float& value : values) value = scale * value - minimum;
        store_floats<4>(panel + output * segment.inputs + input + lane_input(kBy16, t, 4 * step), values);
      }
    }
  }
}

/** A thread for four inputs of an output in byte rows. */
template <typename Pairs>
__global__ void __launch_bounds__(kThreads) unpack_bytes(WeightSegment segment, int64_t first, int64_t total, __nv_bfloat16* panel) {
  const int64_t index = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (index >= total) return;
  const int64_t fours = segment.row_bytes() / 4, output = first + index / fours, input = index % fours * 4;
  const uint32_t word = *reinterpret_cast<const uint32_t*>(segment.data + output * segment.row_bytes() + input);
  const float* scales = segment.scales() + output / segment.shape.block_outputs * segment.scale_columns();
  float values[4];
  pair_values(Pairs::pair(word, 0), values[0], values[1]);
  pair_values(Pairs::pair(word, 1), values[2], values[3]);
  for (int i = 0; i < 4 && input + i < segment.inputs; ++i) {
    const float scale = scales[(input + i) / segment.shape.block_inputs];
    panel[(output - first) * segment.inputs + input + i] = from_float<__nv_bfloat16>(scale * values[i]);
  }
}

unsigned blocks_for(int64_t threads) { return static_cast<unsigned>((threads + kThreads - 1) / kThreads); }

}  // namespace

void unpack_weights(const WeightSegment& segment, int64_t first, int64_t count, void* panel, cudaStream_t stream) {
  auto* target = static_cast<__nv_bfloat16*>(panel);
  if (in_byte_rows(segment.format())) {
    const int64_t total = count * (segment.row_bytes() / 4);
    if (segment.format() == WeightFormat::E4M3) unpack_bytes<E4M3Pairs><<<blocks_for(total), kThreads, 0, stream>>>(segment, first, total, target);
    else unpack_bytes<SignedBytePairs><<<blocks_for(total), kThreads, 0, stream>>>(segment, first, total, target);
  } else {
    const int64_t warps = (count + kRecordOutputs - 1) / kRecordOutputs * segment.chunks();
    with_record_format(segment.shape, [&]<typename Format>(Format*) {
      unpack_records<Format><<<blocks_for(32 * warps), kThreads, 0, stream>>>(segment, first, count, target);
    });
  }
  check(cudaGetLastError(), "unpacking of weights");
}

}  // namespace elastic::weights
