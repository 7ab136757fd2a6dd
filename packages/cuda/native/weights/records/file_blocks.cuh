// GGUF's blocks as files have them, read where they lie.
#pragma once
#include <cuda_fp16.h>

#include <cstdint>
#include <cstring>

#include "weights/weight_segment.h"

namespace elastic::weights {

/** Inputs of a block of a format of GGUF, and its bytes. */
struct BlockSize {
  int64_t inputs;
  int64_t bytes;
};

__host__ __device__ constexpr BlockSize block_size(WeightFormat format) {
  switch (format) {
    case WeightFormat::Q8_0:
      return {32, 34};
    case WeightFormat::Q4_1:
      return {32, 20};
    case WeightFormat::Q5_0:
      return {32, 22};
    case WeightFormat::Q5_1:
      return {32, 24};
    case WeightFormat::Q4_K:
      return {256, 144};
    case WeightFormat::Q5_K:
      return {256, 176};
    case WeightFormat::Q6_K:
      return {256, 210};
    default:  // Q4_0 and IQ4_NL
      return {32, 18};
  }
}

__host__ __device__ inline uint16_t half_bits(const uint8_t* bytes) {
  return static_cast<uint16_t>(bytes[0] | bytes[1] << 8);
}

__host__ __device__ inline bool is_finite_half(uint16_t pattern) { return (pattern & 0x7c00u) != 0x7c00u; }

/** Nibble `index` of 32 in 16 bytes: the low ones first. */
__host__ __device__ inline int nibble_at(const uint8_t* bytes, int index) {
  return index < 16 ? bytes[index] & 15 : bytes[index - 16] >> 4;
}

__host__ __device__ inline int bit_at(const uint8_t* bytes, int index) { return bytes[index / 8] >> (index % 8) & 1; }

/** The stored integer of one input of a block; unsigned, but for Q8_0, whose bytes are signed. */
__host__ __device__ inline int stored_integer(WeightFormat format, const uint8_t* block, int index) {
  const int group = index / 32, place = index % 32;
  switch (format) {
    case WeightFormat::Q8_0:
      return block[2 + index];
    case WeightFormat::Q4_1:
      return nibble_at(block + 4, index);
    case WeightFormat::Q5_0:
      return nibble_at(block + 6, index) | bit_at(block + 2, index) << 4;
    case WeightFormat::Q5_1:
      return nibble_at(block + 8, index) | bit_at(block + 4, index) << 4;
    case WeightFormat::Q4_K:
      // Groups 2i and 2i + 1 are the low and the high nibbles of the same 32 bytes.
      return block[16 + group / 2 * 32 + place] >> (group % 2 * 4) & 15;
    case WeightFormat::Q5_K:
      return (block[48 + group / 2 * 32 + place] >> (group % 2 * 4) & 15) | (block[16 + place] >> group & 1) << 4;
    case WeightFormat::Q6_K: {
      // Four quarters of 32 inputs to each half of the block.
      const int half = group / 4, quarter = group % 4;
      const int low = block[half * 64 + (quarter & 1) * 32 + place] >> (quarter / 2 * 4) & 15;
      return low | (block[128 + half * 32 + place] >> (quarter * 2) & 3) << 4;
    }
    default:  // Q4_0 and IQ4_NL
      return nibble_at(block + 2, index);
  }
}

/** Scale and minimum, six bits each, of a group of 32 of Q4_K and Q5_K, from their 12 bytes. */
__host__ __device__ inline void six_bit_scales(const uint8_t* bytes, int group, uint8_t& scale, uint8_t& minimum) {
  if (group < 4) {
    scale = bytes[group] & 63;
    minimum = bytes[4 + group] & 63;
  } else {
    scale = static_cast<uint8_t>((bytes[4 + group] & 15) | (bytes[group - 4] >> 6) << 4);
    minimum = static_cast<uint8_t>((bytes[4 + group] >> 4) | (bytes[group] >> 6) << 4);
  }
}

}  // namespace elastic::weights
