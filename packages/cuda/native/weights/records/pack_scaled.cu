#include "weights/records/pack_scaled.h"

#include "core/device/check.h"
#include "weights/records/record_codes.cuh"
#include "weights/records/write_records.cuh"

namespace elastic::weights {
namespace {

constexpr int kThreads = 256;

unsigned blocks_for(int64_t threads) { return static_cast<unsigned>((threads + kThreads - 1) / kThreads); }

__global__ void pack_byte_rows(const uint8_t* source, WeightSegment segment, int64_t first, int64_t total, int32_t* broken) {
  const int64_t index = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (index >= total) return;
  const uint8_t byte = source[index];
  if (segment.shape.format == WeightFormat::E4M3 && (byte & 0x7f) == 0x7f) *broken = 1;
  segment.data[(first + index / segment.inputs) * segment.row_bytes() + index % segment.inputs] = static_cast<char>(byte);
}

__global__ void copy_scales(const float* source, float* target, int64_t total, int32_t* broken) {
  const int64_t index = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (index >= total) return;
  if (!isfinite(source[index])) *broken = 1;
  target[index] = source[index];
}

/** One thread for the eight inputs that a lane has of each group of 32 of one output in one record. */
__global__ void pack_group_rows(const uint8_t* source, const float* scales, const float* zeros, WeightSegment segment, int64_t first,
                                int64_t record, int groups, int64_t total, int32_t* broken) {
  const int64_t index = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (index >= total) return;
  const int t = static_cast<int>(index % 4);
  const int64_t chunks = segment.chunks(), chunk = index / 4 % chunks, source_row = index / 4 / chunks, output = first + source_row;
  const int place = static_cast<int>(output % kRecordOutputs), g = place % 8, row = place / 8;
  char* target = segment.data + (output / kRecordOutputs * chunks + chunk) * record;
  const uint8_t* bytes = source + source_row * (segment.inputs / 2);
  for (int group = 0; group < 4; ++group) {
    int integers[8];
    for (int i = 0; i < 8; ++i) {
      const int64_t input = chunk * kRecordInputs + group * 32 + lane_input(false, t, i);
      integers[i] = input < segment.inputs ? bytes[input / 2] >> (input % 2 * 4) & 15 : 0;
    }
    write_integers(WeightFormat::I4, target, g, t, row, group, integers);
  }
  if (t != 0) return;
  auto* pairs = reinterpret_cast<float2*>(target + kNibbleCodes + g * 16 * groups) + row * groups;
  for (int i = 0; i < groups; ++i) {
    const int64_t input = chunk * kRecordInputs + i * (kRecordInputs / groups);
    if (input >= segment.inputs) continue;
    const int64_t at = source_row * segment.scale_columns() + input / segment.shape.block_inputs;
    if (!isfinite(scales[at]) || !isfinite(zeros[at])) *broken = 1;
    pairs[i] = make_float2(scales[at], scales[at] * zeros[at]);
  }
}

}  // namespace

void pack_bytes(const Matrix& source, const Matrix& scales, const WeightSegment& segment, int64_t first_output, int32_t* broken,
                cudaStream_t stream) {
  const int64_t total = source.rows * segment.inputs, num_scales = scales.rows * scales.columns;
  if (total == 0) return;
  pack_byte_rows<<<blocks_for(total), kThreads, 0, stream>>>(reinterpret_cast<const uint8_t*>(source.data), segment, first_output, total, broken);
  float* target = segment.scales() + first_output / segment.shape.block_outputs * segment.scale_columns();
  copy_scales<<<blocks_for(num_scales), kThreads, 0, stream>>>(reinterpret_cast<const float*>(scales.data), target, num_scales, broken);
  check(cudaGetLastError(), "packBlocks");
}

void pack_groups(const Matrix& source, const Matrix& scales, const Matrix& zeros, const WeightSegment& segment, int64_t first_output,
                 int32_t* broken, cudaStream_t stream) {
  const int64_t total = source.rows * segment.chunks() * 4;
  if (total == 0) return;
  pack_group_rows<<<blocks_for(total), kThreads, 0, stream>>>(
      reinterpret_cast<const uint8_t*>(source.data), reinterpret_cast<const float*>(scales.data), reinterpret_cast<const float*>(zeros.data), segment,
      first_output, record_bytes(WeightFormat::I4, segment.shape.block_inputs), groups_in_record(segment.shape.block_inputs), total, broken);
  check(cudaGetLastError(), "packBlocks");
}

}  // namespace elastic::weights
