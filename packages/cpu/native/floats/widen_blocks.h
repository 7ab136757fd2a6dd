#pragma once
// Panels of weights in blocks as bf16 panels, for the tiles of AMX.
#include "blocks/block_layout.h"
#include "floats/kernel_table.h"
#include "floats/vector.h"

namespace elastic {
namespace {

/** Calls write(input, output, weights) for every vector of outputs of every input of a panel. */
template <typename Write>
ELASTIC_INLINE void for_block_weights(const char* panel, const BlockLayout& layout, int64_t blocks, const Write& write) {
  const uint32_t mask = layout.bytes ? 255 : 15;
  const float offset = static_cast<float>(layout.offset());
  for (int64_t block = 0; block < blocks; ++block, panel += layout.record_bytes()) {
    const char* scales = panel + layout.integer_bytes();
    const char* minimums = scales + layout.groups() * kPanel * 4;
    for (int64_t step = 0; step < kBlock / 4; ++step) {
      const char* integers = panel + (layout.bytes ? step : step % 4) * kPanel * 4;
      const int64_t group = layout.halves ? step / 4 : 0;
      const uint32_t shift = layout.bytes || step < 4 ? 0 : 4;
      for (int64_t output = 0; output < kPanel; output += kLanes) {
        const BitVector words = *reinterpret_cast<const UnalignedBits*>(integers + output * 4);
        const Vector scale = load<DType::F32>(scales, group * kPanel + output);
        const Vector minimum = layout.minimums ? load<DType::F32>(minimums, group * kPanel + output) : Vector{};
        for (int64_t j = 0; j < 4; ++j) {
          const BitVector integer = (words >> (shift + static_cast<uint32_t>(8 * j))) & mask;
          const Vector value = __builtin_convertvector(reinterpret_cast<IntVector>(integer), Vector) - offset;
          write(block * kBlock + step * 4 + j, output, value * scale - minimum);
        }
      }
    }
  }
}

/** bf16 in tile layout: [inputs / 32][2][16 pairs][16 outputs][2]. */
static void widen_blocks_bf16(const char* panel, const BlockLayout& layout, int64_t blocks, char* out) {
  BitVector even[kPanel / kLanes];
  for_block_weights(panel, layout, blocks, [&](int64_t input, int64_t output, Vector value) __attribute__((always_inline)) {
    const BitVector half = __builtin_convertvector(round_bf16(value), BitVector);
    if (input % 2 == 0) {
      even[output / kLanes] = half;
      return;
    }
    char* step = out + input / kTileDepth * kTileDepth * kPanel * 2;
    char* target = step + output / 16 * 1024 + input % kTileDepth / 2 * 64 + output % 16 * 4;
    *reinterpret_cast<UnalignedBits*>(target) = even[output / kLanes] | half << 16;
  });
}

}  // namespace
}  // namespace elastic
