#pragma once
// Plain functions in the place of the tile instructions, for test builds on processors without AMX: the same registers, the same
// arithmetic, so that packing and loops of the AMX kernels can be checked. Never part of a build that is published.
#include <cstdint>
#include <cstring>

#include "addon/values/numeric.h"

namespace elastic {

/** The tile registers of a thread. */
struct EmulatedTiles {
  uint8_t rows[8];
  uint16_t row_bytes[8];
  alignas(64) unsigned char data[8][16][64];

  void configure(const uint8_t* all_rows, const uint16_t* all_bytes) {
    std::memcpy(rows, all_rows, sizeof rows);
    std::memcpy(row_bytes, all_bytes, sizeof row_bytes);
    std::memset(data, 0, sizeof data);
  }
  void zero(int tile) { std::memset(data[tile], 0, sizeof data[tile]); }
  void load(int tile, const void* base, int64_t stride) {
    zero(tile);
    for (int row = 0; row < rows[tile]; ++row) std::memcpy(data[tile][row], static_cast<const char*>(base) + row * stride, row_bytes[tile]);
  }
  void store(int tile, void* base, int64_t stride) const {
    for (int row = 0; row < rows[tile]; ++row) std::memcpy(static_cast<char*>(base) + row * stride, data[tile][row], row_bytes[tile]);
  }

  /** Calls add(sum, left, right) for every four bytes of a row of `a` and the four of `b` that they meet. */
  template <typename Sum, typename Add>
  void multiply(int sums, int a, int b, const Add& add) {
    for (int row = 0; row < rows[a]; ++row) {
      for (int k = 0; k < row_bytes[a] / 4; ++k) {
        for (int column = 0; column < row_bytes[b] / 4; ++column) {
          Sum sum;
          std::memcpy(&sum, &data[sums][row][4 * column], 4);
          sum = add(sum, &data[a][row][4 * k], &data[b][k][4 * column]);
          std::memcpy(&data[sums][row][4 * column], &sum, 4);
        }
      }
    }
  }
  void multiply_bf16(int sums, int a, int b) {
    const auto value = [](const unsigned char* pattern) {
      uint16_t half;
      std::memcpy(&half, pattern, 2);
      return bf16_to_float(half);
    };
    multiply<float>(sums, a, b, [&](float sum, const unsigned char* x, const unsigned char* y) { return sum + value(x) * value(y) + value(x + 2) * value(y + 2); });
  }
  /** Signed bytes by unsigned ones. */
  void multiply_bytes(int sums, int a, int b) {
    multiply<int32_t>(sums, a, b, [](int32_t sum, const unsigned char* x, const unsigned char* y) {
      for (int i = 0; i < 4; ++i) sum += static_cast<int8_t>(x[i]) * static_cast<int32_t>(y[i]);
      return sum;
    });
  }
};

inline thread_local EmulatedTiles emulated_tiles;

}  // namespace elastic

#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbf16ps
#undef _tile_dpbsud
#define _tile_zero(tile) ::elastic::emulated_tiles.zero(tile)
#define _tile_loadd(tile, base, stride) ::elastic::emulated_tiles.load(tile, base, stride)
#define _tile_stored(tile, base, stride) ::elastic::emulated_tiles.store(tile, base, stride)
#define _tile_dpbf16ps(sums, a, b) ::elastic::emulated_tiles.multiply_bf16(sums, a, b)
#define _tile_dpbsud(sums, a, b) ::elastic::emulated_tiles.multiply_bytes(sums, a, b)
