#include "weights/records/pack_records.h"

#include "core/device/check.h"
#include "weights/records/record_codes.cuh"
#include "weights/records/write_records.cuh"

namespace elastic::weights {
namespace {

constexpr int kThreads = 256;

/** One thread for the eight inputs that a lane has of each group of one output in one record. */
__global__ void pack_block_rows(const uint8_t* source, int64_t source_stride, WeightSegment segment, int64_t first_output, int64_t record,
                                int code_bytes, int64_t total, int32_t* broken) {
  const int64_t index = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (index >= total) return;
  const WeightFormat format = segment.shape.format;
  const int t = static_cast<int>(index % 4);
  const int64_t chunks = segment.chunks(), chunk = index / 4 % chunks, source_row = index / 4 / chunks;
  const int64_t output = first_output + source_row;
  const int place = static_cast<int>(output % kRecordOutputs), g = place % 8, row = place / 8;
  char* target = segment.data + (output / kRecordOutputs * chunks + chunk) * record;
  const uint8_t* file_row = source + source_row * source_stride;
  const BlockSize size = block_size(format);
  for (int group = 0; group < 4; ++group) {
    const int64_t input = chunk * kRecordInputs + group * 32;
    if (input >= segment.inputs) break;
    const uint8_t* block = file_row + input / size.inputs * size.bytes;
    int integers[8];
    for (int i = 0; i < 8; ++i) {
      integers[i] = stored_integer(format, block, static_cast<int>(input % size.inputs) + lane_input(format == WeightFormat::Q6_K, t, i));
    }
    write_integers(format, target, g, t, row, group, integers);
  }
  if (t != 0) return;
  if (!write_file_scales(format, target + code_bytes, g, row, file_row, chunk * kRecordInputs, segment.inputs)) *broken = 1;
}

int code_bytes_of(WeightFormat format) {
  switch (bits_of(format)) {
    case 8:
      return kByteCodes;
    case 6:
      return kSixBitCodes;
    case 5:
      return kFiveBitCodes;
    default:
      return kNibbleCodes;
  }
}

}  // namespace

void pack_blocks(const Matrix& source, const WeightSegment& segment, int64_t first_output, int32_t* broken, cudaStream_t stream) {
  const int64_t total = source.rows * segment.chunks() * 4;
  if (total == 0) return;
  pack_block_rows<<<static_cast<unsigned>((total + kThreads - 1) / kThreads), kThreads, 0, stream>>>(
      reinterpret_cast<const uint8_t*>(source.data), source.row_stride, segment, first_output,
      record_bytes(segment.format(), segment.shape.block_inputs), code_bytes_of(segment.format()), total, broken);
  check(cudaGetLastError(), "packBlocks");
}

}  // namespace elastic::weights
