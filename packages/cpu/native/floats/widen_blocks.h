#pragma once
// Panels of weights in blocks as bf16 panels, for the tiles of AMX.
#include "blocks/block_layout.h"
#include "floats/kernel_table.h"
#include "floats/vector.h"

namespace elastic {
namespace {

/** Scales and minimums of a record as floats, [group of 16 inputs][32 outputs] and [32]; without minimums, zeros. */
struct RecordScales {
  float scales[2][kPanel];
  float minimums[kPanel];
};

ELASTIC_INLINE void read_scales(const char* header, const char* record, const BlockLayout& layout, RecordScales& out) {
  const char* own = record + layout.integer_bytes() + layout.plane_bytes();
  const char* halves = layout.grouped ? header : own;
  for (int64_t output = 0; output < kPanel; output += kLanes) {
    const Vector scale = load<DType::F16>(halves, output);
    const Vector minimum = layout.minimums ? load<DType::F16>(halves, kPanel + output) : Vector{};
    for (int group = 0; group < 2; ++group) store<DType::F32>(reinterpret_cast<char*>(out.scales[group]), output, scale);
    store<DType::F32>(reinterpret_cast<char*>(out.minimums), output, minimum);
  }
  if (!layout.grouped) return;
  for (int64_t output = 0; output < kPanel; ++output) {
    const auto first = static_cast<uint8_t>(own[output]), second = static_cast<uint8_t>(own[kPanel + output]);
    out.scales[0][output] *= layout.sixteens ? static_cast<float>(static_cast<int8_t>(first)) : static_cast<float>(first);
    out.scales[1][output] *= layout.sixteens ? static_cast<float>(static_cast<int8_t>(second)) : static_cast<float>(first);
    out.minimums[output] *= static_cast<float>(second);
  }
}

/** Integers of one step as words of four inputs each. */
ELASTIC_INLINE BitVector step_integers(const char* record, const BlockLayout& layout, int64_t step, int64_t output) {
  const auto words = [&](int64_t at) { return *reinterpret_cast<const UnalignedBits*>(record + (at * kPanel + output) * 4); };
  if (layout.bits == 8) return words(step);
  const BitVector low = (words(step % 4) >> static_cast<uint32_t>(step < 4 ? 0 : 4)) & 0x0f0f0f0fu;
  if (layout.bits == 4) return low;
  const int64_t high_bits = layout.bits - 4, steps = 8 / high_bits;
  const uint32_t mask = high_bits == 1 ? 0x01010101u : 0x03030303u;
  return low | ((words(4 + step / steps) >> static_cast<uint32_t>(high_bits * (step % steps))) & mask) << 4;
}

/** Calls write(input, output, weights) for every vector of outputs of every input of a panel. */
template <typename Write>
ELASTIC_INLINE void for_block_weights(const char* panel, const BlockLayout& layout, int64_t blocks, const Write& write) {
  const float offset = static_cast<float>(layout.offset);
  const char* header = panel;
  for (int64_t block = 0; block < blocks; ++block, panel += layout.record_bytes()) {
    if (layout.grouped && block % layout.blocks_of_group() == 0) {
      header = panel;
      panel += layout.header_bytes();
    }
    RecordScales scales;
    read_scales(header, panel, layout, scales);
    for (int64_t step = 0; step < kBlock / 4; ++step) {
      for (int64_t output = 0; output < kPanel; output += kLanes) {
        const BitVector words = step_integers(panel, layout, step, output);
        const Vector scale = load<DType::F32>(reinterpret_cast<const char*>(scales.scales[step / 4]), output);
        const Vector minimum = load<DType::F32>(reinterpret_cast<const char*>(scales.minimums), output);
        for (int64_t j = 0; j < 4; ++j) {
          const BitVector integer = (words >> static_cast<uint32_t>(8 * j)) & 255u;
          const Vector value = __builtin_convertvector(reinterpret_cast<IntVector>(integer), Vector) - offset;
          write(block * kBlock + step * 4 + j, output, value * scale + minimum);
        }
      }
    }
  }
}

/** bf16 in tile layout: [inputs / 32][2][16 pairs][16 outputs][2]. */
static void widen_blocks_bf16(const char* panel, BlockFormat format, int64_t blocks, char* out) {
  BitVector even[kPanel / kLanes];
  for_block_weights(panel, layout_of(format), blocks, [&](int64_t input, int64_t output, Vector value) __attribute__((always_inline)) {
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
