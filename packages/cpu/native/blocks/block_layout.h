#pragma once
#include <cstdint>

#include "floats/kernel_table.h"

namespace elastic {

/** Inputs that share the rounding of activations; weights have a scale for each of these, or for each half. */
constexpr int64_t kBlock = 32;

/**
 * How weights in blocks lie: panels of 32 outputs, a record for every 32 inputs. A record holds unsigned integers [step][32
 * outputs][4 inputs], two to a byte where they have four bits (inputs 0 to 15 low, 16 to 31 high), then float scales
 * [group][32], then minimums [group][32]. A weight is scale · (integer - offset) - minimum.
 */
struct BlockLayout {
  /** Codes of layouts, behind those of dtypes. */
  static constexpr int kFirstCode = 8, kCodes = 8;

  bool bytes;
  bool minimums;
  /** Groups of 16 inputs, not 32. */
  bool halves;

  static bool is(int code) { return code >= kFirstCode && code < kFirstCode + kCodes; }
  static BlockLayout of(int code) {
    const int flags = code - kFirstCode;
    return {(flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0};
  }

  int offset() const { return minimums ? 0 : (bytes ? 128 : 8); }
  int64_t groups() const { return halves ? 2 : 1; }
  int64_t integer_bytes() const { return kPanel * kBlock / (bytes ? 1 : 2); }
  int64_t record_bytes() const { return integer_bytes() + groups() * kPanel * 4 * (minimums ? 2 : 1); }
};

/** A weight [outputs, inputs] in blocks; inputs are a multiple of 32, missing outputs have scale 0. */
struct BlockWeight {
  char* data;
  int64_t outputs;
  int64_t inputs;
  BlockLayout layout;

  int64_t panels() const { return (outputs + kPanel - 1) / kPanel; }
  int64_t blocks() const { return inputs / kBlock; }
  int64_t panel_bytes() const { return blocks() * layout.record_bytes(); }
  int64_t bytes() const { return panels() * panel_bytes(); }
  const char* panel(int64_t index) const { return data + index * panel_bytes(); }
};

/** Rows of activations rounded to int8 by blocks of 32. */
struct RoundedRows {
  /** [rows][inputs], from -127 to 127. */
  int8_t* values;
  /** [rows][inputs / 32]. */
  float* scales;
  /** [rows][inputs / 16]: sums of the values of each 16. */
  int32_t* sums;
  int64_t inputs;

  RoundedRows from(int64_t row) const {
    return {values + row * inputs, scales + row * (inputs / kBlock), sums + row * (inputs / 16), inputs};
  }
};

/** sums[count][32] = `count` rounded rows · one panel of as many inputs. A row's sums do not depend on the rows beside it. */
using BlockProduct = void (*)(const RoundedRows& rows, int64_t count, const char* panel, const BlockLayout& layout, float* sums);

void multiply_blocks_plain(const RoundedRows& rows, int64_t count, const char* panel, const BlockLayout& layout, float* sums);
/** By AVX2's products of bytes. */
void multiply_blocks_avx2(const RoundedRows& rows, int64_t count, const char* panel, const BlockLayout& layout, float* sums);
/** By AVX-512 VNNI's. */
void multiply_blocks_vnni(const RoundedRows& rows, int64_t count, const char* panel, const BlockLayout& layout, float* sums);
/** By the dot products of 64-bit ARM. */
void multiply_blocks_dot(const RoundedRows& rows, int64_t count, const char* panel, const BlockLayout& layout, float* sums);

}  // namespace elastic
