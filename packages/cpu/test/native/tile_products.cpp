// The products of block formats by tiles of int8, over emulated tile instructions, against those of AVX-512 VNNI: the same sums to
// the bit, for random panels and rows of every format, whatever stood in the tiles before.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <random>
#include <vector>

#include "blocks/block_layout.h"
#include "amx/tile_shape.h"

namespace elastic {
namespace {

std::mt19937 random_bits(5);

char random_byte() { return static_cast<char>(random_bits()); }

/** A half between 2^-14 and 2. */
void put_half(char* at) {
  const auto half = static_cast<uint16_t>((random_bits() & 0x8000u) | (0x0400u + random_bits() % 0x3c00u));
  std::memcpy(at, &half, 2);
}

std::vector<char> random_panel(const BlockLayout& layout, int64_t blocks) {
  std::vector<char> panel(static_cast<std::size_t>(blocks / layout.blocks_of_group() * layout.group_bytes()));
  for (char& byte : panel) byte = random_byte();
  char* record = panel.data();
  for (int64_t block = 0; block < blocks; ++block, record += layout.record_bytes()) {
    if (layout.grouped && block % layout.blocks_of_group() == 0) {
      for (int64_t at = 0; at < layout.header_bytes(); at += 2) put_half(record + at);
      record += layout.header_bytes();
    }
    if (layout.grouped) continue;
    for (int64_t at = layout.record_bytes() - layout.scale_bytes(); at < layout.record_bytes(); at += 2) put_half(record + at);
  }
  return panel;
}

struct Rows {
  std::vector<int8_t> values;
  std::vector<float> scales, sums;
  std::vector<int32_t> block_offsets, half_offsets;
  RoundedRows view;
};

Rows random_rows(int64_t count, int64_t inputs) {
  Rows rows;
  const int64_t blocks = inputs / kBlock;
  for (int64_t i = 0; i < count * inputs; ++i) rows.values.push_back(static_cast<int8_t>(static_cast<int>(random_bits() % 255) - 127));
  for (int64_t i = 0; i < count * blocks; ++i) {
    int32_t halves[2] = {};
    for (int64_t k = 0; k < kBlock; ++k) halves[k / 16] += rows.values[static_cast<std::size_t>(i * kBlock + k)];
    rows.scales.push_back(static_cast<float>(random_bits() % 1000) / 4096.0f);
    rows.sums.push_back(rows.scales.back() * static_cast<float>(halves[0] + halves[1]));
    rows.block_offsets.push_back(-(halves[0] + halves[1]));
    for (const int32_t half : halves) rows.half_offsets.push_back(-half);
  }
  rows.view = {rows.values.data(), rows.scales.data(), rows.sums.data(), rows.block_offsets.data(), rows.half_offsets.data(), inputs};
  return rows;
}

bool same_sums(BlockFormat format, int64_t count, int64_t inputs) {
  const std::vector<char> panel = random_panel(layout_of(format), inputs / kBlock);
  const Rows rows = random_rows(count, inputs);
  const auto size = static_cast<std::size_t>(count * kPanel);
  std::vector<float> tiles(size, 7.0f), vectors(size, 8.0f);
  multiply_blocks_amx(rows.view, count, panel.data(), format, tiles.data());
  multiply_blocks_avx512_vnni(rows.view, count, panel.data(), format, vectors.data());
  return std::memcmp(tiles.data(), vectors.data(), size * sizeof(float)) == 0;
}

}  // namespace
}  // namespace elastic

int main() {
  using namespace elastic;
  if (!__builtin_cpu_supports("avx512vnni")) return 77;
  int failed = 0;
  for (int format = 0; format < kBlockFormats; ++format) {
    for (const int64_t count : {1, 15, 16, 17, 32, 47, 48, 65}) {
      for (const int64_t inputs : {256, 768}) {
        // Products of bf16 leave the tiles in another shape.
        configured_tiles() = count % 2 == 0 ? TileShape::None : configured_tiles();
        if (same_sums(static_cast<BlockFormat>(format), count, inputs)) continue;
        std::printf("format %d, %d rows, %d inputs: other sums\n", format, static_cast<int>(count), static_cast<int>(inputs));
        ++failed;
      }
    }
  }
  return failed == 0 ? 0 : 1;
}
