// Bytes in rows on their way through shared memory to the matrix units.
#pragma once
#include "rounded_cache/rounded_rows.cuh"
#include "weights/few_rows/staged_records.cuh"
#include "weights/records/record_codes.cuh"

namespace elastic::weights {

/** Two bf16 numbers from two of four bytes. */
struct SignedBytePairs {
  __device__ static Pair pair(uint32_t word, int index) { return signed_bytes(permute_bytes(word, 0, index == 0 ? 0x4140u : 0x4342u)); }
};

/** There are no NaN in weights. */
struct E4M3Pairs {
  __device__ static Pair pair(uint32_t word, int index) { return e4m3_pair(word, index); }
};

/** One output's 128 inputs of a chunk, in lines of 16 bytes that are exchanged so that lanes read different banks. */
template <typename Pairs>
struct ByteFragments {
  /** [output g, g + 8][group][two words]. */
  uint32_t words[2][4][2];

  __device__ ByteFragments(const char* chunk, int g, int t) {
#pragma unroll
    for (int row = 0; row < 2; ++row) {
#pragma unroll
      for (int group = 0; group < 4; ++group) {
        const int line = (2 * group + t / 2) ^ g;
        const uint2 loaded = *reinterpret_cast<const uint2*>(chunk + (g + 8 * row) * kRecordInputs + line * 16 + t % 2 * 8);
        words[row][group][0] = loaded.x;
        words[row][group][1] = loaded.y;
      }
    }
  }
  __device__ Pair pair(int row, int group, int pair) const { return Pairs::pair(words[row][group][pair / 2], pair % 2); }
};

/** 16 outputs of a weight in byte rows, chunk by chunk; see `multiply_rows`. */
template <typename Pairs>
struct StagedBytes {
  static constexpr int kBytes = kRecordOutputs * kRecordInputs, kStages = stages_for(kBytes);
  static constexpr bool kBy16 = false;
  const char* rows;
  const float* scales[2];
  int64_t row_bytes;
  int present;
  int lane;
  int block_inputs;

  __device__ StagedBytes(const WeightSegment& segment, int64_t tile, int lane)
      : rows(segment.data + tile * kRecordOutputs * segment.row_bytes()),
        row_bytes(segment.row_bytes()),
        present(static_cast<int>(min(segment.outputs() - tile * kRecordOutputs, int64_t{kRecordOutputs}))),
        lane(lane),
        block_inputs(static_cast<int>(segment.shape.block_inputs)) {
    for (int row = 0; row < 2; ++row) {
      const int64_t output = min(tile * kRecordOutputs + lane / 4 + 8 * row, segment.outputs() - 1);
      scales[row] = segment.scales() + output / segment.shape.block_outputs * segment.scale_columns();
    }
  }

  __device__ void copy(char* target, int chunk) const {
    const uint32_t to = ptx::shared_address(target);
    const int64_t input = static_cast<int64_t>(chunk) * kRecordInputs;
#pragma unroll
    for (int first = 0; first < 128; first += 32) {
      const int row = (first + lane) / 8, line = (first + lane) % 8;
      const bool there = row < present && input + line * 16 < row_bytes;
      ptx::copy_line(to + row * kRecordInputs + ((line ^ row) & 7) * 16, there ? rows + row * row_bytes + input + line * 16 : rows, there);
    }
  }

  template <int tiles>
  __device__ void multiply(float (&sums)[tiles][4], const char* staged, const uint32_t (&inputs)[tiles][4][4], int chunk) const {
    const ByteFragments<Pairs> codes(staged, lane / 4, lane % 4);
    const int column = chunk * kRecordInputs / block_inputs;
    const float first = __ldg(scales[0] + column), second = __ldg(scales[1] + column);
    // Two sums, so that a product need not wait for the one before it.
    float parts[2][tiles][4] = {};
#pragma unroll
    for (int group = 0; group < 4; ++group) {
#pragma unroll
      for (int step = 0; step < 2; ++step) multiply_step(parts[step], codes, inputs, group, step);
    }
    add_scaled(sums, parts[0], first, second);
    add_scaled(sums, parts[1], first, second);
  }
};

}  // namespace elastic::weights
