#include "blocks/pack_blocks.h"

#include <atomic>
#include <cmath>
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

/** The integers of a block under the offset of the layout; what the minimum takes over of another offset. */
int shift_to(const BlockLayout& layout, const DecodedBlock& block) {
  // A layout with minimums has no offset of its own; one without has bytes for every offset, or nibbles for 8.
  return layout.minimums ? 0 : layout.offset() - block.offset;
}

void write_block(const DecodedBlock& block, const BlockLayout& layout, int64_t output, char* record) {
  auto* integers = reinterpret_cast<uint8_t*>(record);
  const int shift = shift_to(layout, block);
  for (int64_t i = 0; i < kBlock; ++i) {
    const auto value = static_cast<uint8_t>(block.integers[i] + shift);
    if (layout.bytes) {
      integers[(i / 4 * kPanel + output) * 4 + i % 4] = value;
    } else {
      uint8_t& pair = integers[(i % 16 / 4 * kPanel + output) * 4 + i % 4];
      pair = static_cast<uint8_t>(i < 16 ? value : pair | value << 4);
    }
  }
  auto* scales = reinterpret_cast<float*>(record + layout.integer_bytes());
  float* minimums = scales + layout.groups() * kPanel;
  for (int64_t group = 0; group < layout.groups(); ++group) {
    scales[group * kPanel + output] = block.scales[group];
    if (!layout.minimums) continue;
    minimums[group * kPanel + output] = block.minimums[group] + block.scales[group] * static_cast<float>(block.offset);
  }
}

}  // namespace

bool pack_blocks(const BlockWeight& weight, const std::vector<BlockSource>& sources) {
  std::atomic<bool> finite{true};
  parallel_for(weight.panels(), [&](int64_t index) {
    char* panel = weight.data + index * weight.panel_bytes();
    std::memset(panel, 0, static_cast<std::size_t>(weight.panel_bytes()));
    for (int64_t output = 0; output < kPanel; ++output) {
      int64_t row = 0;
      const BlockSource* source = source_of(sources, index * kPanel + output, &row);
      if (source == nullptr) break;
      const auto* bytes = reinterpret_cast<const uint8_t*>(source->bytes.row(row));
      for (int64_t block = 0; block < weight.blocks(); ++block) {
        DecodedBlock decoded;
        decode_block(source->format, bytes, block * kBlock, decoded);
        for (int i = 0; i < 2; ++i) {
          if (!std::isfinite(decoded.scales[i]) || !std::isfinite(decoded.minimums[i])) finite = false;
        }
        write_block(decoded, weight.layout, output, panel + block * weight.layout.record_bytes());
      }
    }
  });
  return finite;
}

}  // namespace elastic
