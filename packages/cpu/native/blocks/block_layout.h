#pragma once
#include <cstdint>

#include "blocks/block_formats.h"
#include "floats/kernel_table.h"

namespace elastic {

/** Inputs that share the rounding of activations; weights have a scale for each of these, or for each half. */
constexpr int64_t kBlock = 32;

/**
 * How the weights of a format lie: panels of 32 outputs, in these a group for each block of the file, as large as in the file
 * or a little larger. A group of 256 inputs begins with the halves of its 32 scales, then of its minimums. Then there is a
 * record for every 32 inputs:
 *
 * - unsigned integers [step][32 outputs][4 inputs]; of those with fewer than eight bits, the low four, two to a byte (inputs 0
 *   to 15 low, 16 to 31 high);
 * - higher bits [plane][32 outputs][4 inputs]: a byte has the fifth bit of each of the eight steps, or the fifth and
 *   sixth of each of four steps, which takes two planes;
 * - halves of 32 scales, then of 32 minimums; in a group of 256 inputs bytes that these are multiplied by.
 */
struct BlockLayout {
  int bits;
  /** What is subtracted from integers. */
  int offset;
  bool minimums;
  /** Groups of 256 inputs, not 32. */
  bool grouped;
  /** A scale for each 16 inputs, not for each 32. */
  bool sixteens;

  constexpr int64_t integer_bytes() const { return kPanel * kBlock / (bits == 8 ? 1 : 2); }
  constexpr int64_t plane_bytes() const { return bits == 8 ? 0 : (bits - 4) * kPanel * 4; }
  constexpr int64_t scale_bytes() const { return (!grouped && minimums ? 4 : 2) * kPanel; }
  constexpr int64_t record_bytes() const { return integer_bytes() + plane_bytes() + scale_bytes(); }
  constexpr int64_t header_bytes() const { return grouped ? (minimums ? 4 : 2) * kPanel : 0; }
  constexpr int64_t blocks_of_group() const { return grouped ? 8 : 1; }
  constexpr int64_t group_bytes() const { return header_bytes() + blocks_of_group() * record_bytes(); }
};

constexpr BlockLayout layout_of(BlockFormat format) {
  switch (format) {
    case BlockFormat::Q8_0:
    case BlockFormat::IQ4_NL:
      return {8, 128, false, false, false};
    case BlockFormat::Q4_0:
      return {4, 8, false, false, false};
    case BlockFormat::Q4_1:
      return {4, 0, true, false, false};
    case BlockFormat::Q5_0:
      return {5, 16, false, false, false};
    case BlockFormat::Q5_1:
      return {5, 0, true, false, false};
    case BlockFormat::Q4_K:
      return {4, 0, true, true, false};
    case BlockFormat::Q5_K:
      return {5, 0, true, true, false};
    case BlockFormat::Q6_K:
      return {6, 32, false, true, true};
  }
  return {8, 128, false, false, false};
}

/** Rows of activations rounded to int8 by blocks of 32. */
struct RoundedRows {
  /** [rows][inputs], from -127 to 127. */
  int8_t* values;
  /** [rows][inputs / 32]. */
  float* scales;
  /** [rows][inputs / 32]: a block's values summed, times its scale. */
  float* sums;
  /** Negated sums of the values: [rows][inputs / 32], and of their halves [rows][inputs / 16]. */
  int32_t* block_offsets;
  int32_t* half_offsets;
  int64_t inputs;

  RoundedRows from(int64_t row) const {
    const int64_t block = row * (inputs / kBlock);
    return {values + row * inputs, scales + block, sums + block, block_offsets + block, half_offsets + 2 * block, inputs};
  }
};

/** sums[count][32] = `count` rounded rows · one panel of as many inputs. A row's sums do not depend on the rows beside it. */
using BlockProduct = void (*)(const RoundedRows& rows, int64_t count, const char* panel, BlockFormat format, float* sums);

void multiply_blocks_plain(const RoundedRows& rows, int64_t count, const char* panel, BlockFormat format, float* sums);
/** By AVX2's products of bytes. */
void multiply_blocks_avx2(const RoundedRows& rows, int64_t count, const char* panel, BlockFormat format, float* sums);
/** By the dot products of AVX-VNNI, in vectors of 256 bits. */
void multiply_blocks_avx_vnni(const RoundedRows& rows, int64_t count, const char* panel, BlockFormat format, float* sums);
/** By those of AVX-512 VNNI. */
void multiply_blocks_avx512_vnni(const RoundedRows& rows, int64_t count, const char* panel, BlockFormat format, float* sums);
/** By the tiles of AMX, with the sums of AVX-512 VNNI, which must be there too. */
void multiply_blocks_amx(const RoundedRows& rows, int64_t count, const char* panel, BlockFormat format, float* sums);
/** By the dot products of 64-bit ARM. */
void multiply_blocks_dot(const RoundedRows& rows, int64_t count, const char* panel, BlockFormat format, float* sums);

}  // namespace elastic
