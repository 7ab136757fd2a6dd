// What one lane writes of one output of a record: eight inputs of each group of 32, and the output's scales.
#pragma once
#include "weights/records/file_blocks.cuh"
#include "weights/records/record_sizes.h"

namespace elastic::weights {

/** Puts eight integers of four bits into a word, pair p at bits 4p and 16 + 4p. */
__host__ __device__ inline uint32_t pack_nibbles(const int (&integers)[8]) {
  uint32_t word = 0;
  for (int pair = 0; pair < 4; ++pair) {
    word |= static_cast<uint32_t>(integers[2 * pair] & 15) << (4 * pair);
    word |= static_cast<uint32_t>(integers[2 * pair + 1] & 15) << (16 + 4 * pair);
  }
  return word;
}

/** Four bytes: inputs 0 and 1 in bytes 0 and 2, 2 and 3 in bytes 1 and 3. */
__host__ __device__ inline uint32_t pack_bytes(const int* integers) {
  return static_cast<uint32_t>(integers[0] & 255) | static_cast<uint32_t>(integers[2] & 255) << 8 |
         static_cast<uint32_t>(integers[1] & 255) << 16 | static_cast<uint32_t>(integers[3] & 255) << 24;
}

/** The same order for nibbles that are looked up: of each four. */
__host__ __device__ inline uint32_t pack_codebook(const int (&integers)[8]) {
  uint32_t word = 0;
  for (int four = 0; four < 2; ++four) {
    const int* from = integers + 4 * four;
    word |= static_cast<uint32_t>(from[0] | from[2] << 4 | from[1] << 8 | from[3] << 12) << (16 * four);
  }
  return word;
}

__host__ __device__ constexpr int bits_of(WeightFormat format) {
  switch (format) {
    case WeightFormat::Q8_0:
      return 8;
    case WeightFormat::Q5_0:
    case WeightFormat::Q5_1:
    case WeightFormat::Q5_K:
      return 5;
    case WeightFormat::Q6_K:
      return 6;
    default:
      return 4;
  }
}

/** Writes the integers that lane 4·g + t holds of output g + 8·row in one group. */
__host__ __device__ inline void write_integers(WeightFormat format, char* record, int g, int t, int row, int group,
                                               const int (&integers)[8]) {
  const int lane = 4 * g + t, bits = bits_of(format);
  if (bits == 8) {
    auto* words = reinterpret_cast<uint32_t*>(record + (2 * row + group / 2) * 512 + lane * 16) + 2 * (group % 2);
    words[0] = pack_bytes(integers);
    words[1] = pack_bytes(integers + 4);
    return;
  }
  auto* words = reinterpret_cast<uint32_t*>(record + row * 512 + lane * 16);
  words[group] = format == WeightFormat::IQ4_NL ? pack_codebook(integers) : pack_nibbles(integers);
  if (bits == 4) return;
  // Memory is zero before, and this thread alone writes these words.
  const int wide = bits - 4, pairs_before = bits == 5 ? 4 * group : 4 * (group % 2);
  auto* above = reinterpret_cast<uint32_t*>(record + 1024 + lane * (bits == 5 ? 8 : 16)) + (bits == 5 ? row : 2 * row + group / 2);
  for (int pair = 0; pair < 4; ++pair) {
    const int at = wide * (pairs_before + pair);
    *above |= static_cast<uint32_t>(integers[2 * pair] >> 4) << at | static_cast<uint32_t>(integers[2 * pair + 1] >> 4) << (16 + at);
  }
}

/** Writes the scales of 128 inputs of output g + 8·row from the blocks of a file. @returns whether all are finite */
__host__ __device__ inline bool write_file_scales(WeightFormat format, char* scales, int g, int row, const uint8_t* file_row, int64_t input,
                                                  int64_t inputs) {
  const BlockSize size = block_size(format);
  const uint8_t* block = file_row + input / size.inputs * size.bytes;
  if (size.inputs == 256) {
    const int first = static_cast<int>(input % 256 / 32);
    if (format == WeightFormat::Q6_K) {
      const uint16_t half = half_bits(block + 208);
      reinterpret_cast<uint16_t*>(scales)[2 * g + row] = half;
      // The sign bit is inverted, so that the byte read as unsigned is 128 more.
      for (int part = 0; part < 8; ++part) scales[32 + g * 16 + row * 8 + part] = static_cast<char>(block[192 + 2 * first + part] ^ 0x80);
      return is_finite_half(half);
    }
    auto* halves = reinterpret_cast<uint16_t*>(scales) + 2 * (2 * g + row);
    halves[0] = half_bits(block);
    halves[1] = half_bits(block + 2);
    for (int group = 0; group < 4; ++group) {
      uint8_t scale, minimum;
      six_bit_scales(block + 4, first + group, scale, minimum);
      scales[64 + g * 8 + row * 4 + group] = static_cast<char>(scale);
      scales[128 + g * 8 + row * 4 + group] = static_cast<char>(minimum);
    }
    return is_finite_half(halves[0]) && is_finite_half(halves[1]);
  }
  bool finite = true;
  const bool minimums = format == WeightFormat::Q4_1 || format == WeightFormat::Q5_1;
  for (int group = 0; group < 4 && input + 32 * group < inputs; ++group, block += size.bytes) {
    const int at = g * 8 + row * 4 + group;
    const uint16_t scale = half_bits(block);
    reinterpret_cast<uint16_t*>(scales)[at] = scale;
    finite = finite && is_finite_half(scale);
    if (!minimums) continue;
    // The file adds what a record subtracts.
    const uint16_t minimum = half_bits(block + 2);
    reinterpret_cast<uint16_t*>(scales + kHalfScales)[at] = minimum ^ 0x8000u;
    finite = finite && is_finite_half(minimum);
  }
  return finite;
}

}  // namespace elastic::weights
