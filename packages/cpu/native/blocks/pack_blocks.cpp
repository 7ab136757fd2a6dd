#include "blocks/pack_blocks.h"

#include <atomic>
#include <cstring>

#include "core/thread_pool.h"

namespace elastic {
namespace {

const BlockSource* source_of(const std::vector<BlockSource>& sources, int64_t output, int64_t* row) {
  for (const BlockSource& source : sources) {
    if (output < source.bytes.rows) {
      *row = output;
      return &source;
    }
    output -= source.bytes.rows;
  }
  return nullptr;
}

bool finite(uint16_t half) { return (half & 0x7c00) != 0x7c00; }

void put_half(char* halves, int64_t output, uint16_t half) { std::memcpy(halves + 2 * output, &half, 2); }

/** Four inputs of a block as they lie in one word. */
uint32_t word_of(const DecodedBlock& block, int64_t step) {
  uint32_t word;
  std::memcpy(&word, block.integers + 4 * step, 4);
  return word;
}

void put_word(char* words, int64_t output, uint32_t word) { std::memcpy(words + 4 * output, &word, 4); }

void write_integers(const DecodedBlock& block, const BlockLayout& layout, int64_t output, char* record) {
  constexpr int64_t kSteps = kBlock / 4, kStepBytes = kPanel * 4;
  if (layout.bits == 8) {
    for (int64_t step = 0; step < kSteps; ++step) put_word(record + step * kStepBytes, output, word_of(block, step));
    return;
  }
  constexpr uint32_t kNibbles = 0x0f0f0f0fu;
  for (int64_t step = 0; step < 4; ++step) {
    put_word(record + step * kStepBytes, output, (word_of(block, step) & kNibbles) | (word_of(block, step + 4) & kNibbles) << 4);
  }
  const int high_bits = layout.bits - 4, planes = high_bits;
  const uint32_t mask = high_bits == 1 ? 0x01010101u : 0x03030303u;
  for (int64_t plane = 0; plane < planes; ++plane) {
    const int64_t steps = kSteps / planes;
    uint32_t word = 0;
    for (int64_t step = 0; step < steps; ++step) word |= (word_of(block, plane * steps + step) >> 4 & mask) << (high_bits * step);
    put_word(record + layout.integer_bytes() + plane * kStepBytes, output, word);
  }
}

/** `header`: where the group of the record begins. */
void write_block(const DecodedBlock& block, const BlockLayout& layout, int64_t output, char* header, char* record) {
  write_integers(block, layout, output, record);
  char* scales = record + layout.integer_bytes() + layout.plane_bytes();
  char* halves = layout.grouped ? header : scales;
  put_half(halves, output, block.scale);
  if (layout.minimums) put_half(halves + 2 * kPanel, output, block.minimum);
  if (!layout.grouped) return;
  for (int64_t i = 0; i < 2; ++i) std::memcpy(scales + i * kPanel + output, &block.factors[i], 1);
}

/** One output of a panel. @returns whether its scales are finite */
bool pack_output(const BlockPart& part, const BlockSource& source, int64_t row, int64_t output, char* panel) {
  const BlockLayout layout = layout_of(part.format);
  const auto* bytes = reinterpret_cast<const uint8_t*>(source.bytes.row(row));
  bool all_finite = true;
  for (int64_t block = 0; block < part.inputs / kBlock; ++block) {
    DecodedBlock decoded;
    decode_block(part.format, bytes, block * kBlock, decoded);
    all_finite = all_finite && finite(decoded.scale) && finite(decoded.minimum);
    const int64_t group = layout.blocks_of_group();
    char* header = panel + block / group * layout.group_bytes();
    write_block(decoded, layout, output, header, header + layout.header_bytes() + block % group * layout.record_bytes());
  }
  return all_finite;
}

}  // namespace

bool pack_blocks(const BlockWeight& weight, const std::vector<BlockSource>& sources) {
  std::atomic<bool> all_finite{true};
  for (const BlockPart& part : weight.parts) {
    parallel_for(part.panels(), [&](int64_t index) {
      char* panel = part.panel(index);
      std::memset(panel, 0, static_cast<std::size_t>(part.panel_bytes()));
      for (int64_t output = 0; output < kPanel && index * kPanel + output < part.outputs; ++output) {
        int64_t row = 0;
        const BlockSource* source = source_of(sources, part.first_output + index * kPanel + output, &row);
        if (!pack_output(part, *source, row, output, panel)) all_finite = false;
      }
    });
  }
  return all_finite;
}

}  // namespace elastic
