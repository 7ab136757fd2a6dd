#include "blocks/block_formats.h"

#include <cstring>

namespace elastic {
namespace {

uint16_t half_at(const uint8_t* bytes) { return static_cast<uint16_t>(bytes[0] | bytes[1] << 8); }

/** 16 bytes: low nibbles are inputs 0 to 15, high ones 16 to 31. */
void nibbles(const uint8_t* from, uint8_t* integers) {
  for (int i = 0; i < 16; ++i) {
    integers[i] = from[i] & 15;
    integers[16 + i] = from[i] >> 4;
  }
}

void add_fifth_bits(const uint8_t* from, uint8_t* integers) {
  for (int i = 0; i < 32; ++i) integers[i] |= static_cast<uint8_t>((from[i / 8] >> (i % 8) & 1) << 4);
}

/** Scale and minimum of a group of 32 of the formats with 256 inputs: 6 bits each in 12 bytes. */
void group_scale(const uint8_t* bytes, int group, int* scale, int* minimum) {
  if (group < 4) {
    *scale = bytes[group] & 63;
    *minimum = bytes[4 + group] & 63;
  } else {
    *scale = (bytes[4 + group] & 15) | (bytes[group - 4] >> 6) << 4;
    *minimum = (bytes[4 + group] >> 4) | (bytes[group] >> 6) << 4;
  }
}

/** Q4_K and Q5_K: groups 2i and 2i + 1 are the low and the high nibbles of the same 32 bytes. */
void decode_super_block(const uint8_t* block, int group, bool fifth, DecodedBlock& out) {
  int scale, minimum;
  group_scale(block + 4, group, &scale, &minimum);
  const uint8_t* from = block + (fifth ? 48 : 16) + group / 2 * 32;
  for (int i = 0; i < 32; ++i) {
    out.integers[i] = group % 2 == 0 ? from[i] & 15 : from[i] >> 4;
    if (fifth) out.integers[i] |= static_cast<uint8_t>((block[16 + i] >> group & 1) << 4);
  }
  out.scale = half_at(block);
  // The file's minimum is subtracted.
  out.minimum = half_at(block + 2) ^ 0x8000;
  out.factors[0] = static_cast<uint8_t>(scale);
  out.factors[1] = static_cast<uint8_t>(minimum);
}

/** Q6_K: groups of 16, four quarters of 32 inputs to each half of the block. */
void decode_q6_k(const uint8_t* block, int group, DecodedBlock& out) {
  const int half = group / 4, quarter = group % 4;
  const uint8_t* low = block + half * 64 + (quarter & 1) * 32;
  const uint8_t* high = block + 128 + half * 32;
  for (int i = 0; i < 32; ++i) {
    const int nibble = low[i] >> (quarter / 2 * 4) & 15;
    out.integers[i] = static_cast<uint8_t>(nibble | (high[i] >> (quarter * 2) & 3) << 4);
  }
  out.scale = half_at(block + 208);
  for (int i = 0; i < 2; ++i) out.factors[i] = block[192 + 2 * group + i];
}

constexpr int8_t kCodebook[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

}  // namespace

BlockSize block_size(BlockFormat format) {
  switch (format) {
    case BlockFormat::Q8_0:
      return {32, 34};
    case BlockFormat::Q4_0:
    case BlockFormat::IQ4_NL:
      return {32, 18};
    case BlockFormat::Q4_1:
      return {32, 20};
    case BlockFormat::Q5_0:
      return {32, 22};
    case BlockFormat::Q5_1:
      return {32, 24};
    case BlockFormat::Q4_K:
      return {256, 144};
    case BlockFormat::Q5_K:
      return {256, 176};
    case BlockFormat::Q6_K:
      return {256, 210};
  }
  return {32, 34};
}

void decode_block(BlockFormat format, const uint8_t* row, int64_t input, DecodedBlock& out) {
  const BlockSize size = block_size(format);
  const uint8_t* block = row + input / size.inputs * size.bytes;
  const int group = static_cast<int>(input % size.inputs / 32);
  out.minimum = 0;
  out.factors[0] = out.factors[1] = 0;
  switch (format) {
    case BlockFormat::Q8_0:
      out.scale = half_at(block);
      for (int i = 0; i < 32; ++i) out.integers[i] = block[2 + i] ^ 0x80;
      return;
    case BlockFormat::Q4_0:
      out.scale = half_at(block);
      return nibbles(block + 2, out.integers);
    case BlockFormat::Q4_1:
      out.scale = half_at(block);
      out.minimum = half_at(block + 2);
      return nibbles(block + 4, out.integers);
    case BlockFormat::Q5_0:
      out.scale = half_at(block);
      nibbles(block + 6, out.integers);
      return add_fifth_bits(block + 2, out.integers);
    case BlockFormat::Q5_1:
      out.scale = half_at(block);
      out.minimum = half_at(block + 2);
      nibbles(block + 8, out.integers);
      return add_fifth_bits(block + 4, out.integers);
    case BlockFormat::Q4_K:
      return decode_super_block(block, group, false, out);
    case BlockFormat::Q5_K:
      return decode_super_block(block, group, true, out);
    case BlockFormat::Q6_K:
      return decode_q6_k(block, group, out);
    case BlockFormat::IQ4_NL:
      out.scale = half_at(block);
      nibbles(block + 2, out.integers);
      for (uint8_t& integer : out.integers) integer = static_cast<uint8_t>(kCodebook[integer] + 128);
      return;
  }
}

}  // namespace elastic
