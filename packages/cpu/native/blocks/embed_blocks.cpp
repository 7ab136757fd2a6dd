#include "blocks/embed_blocks.h"

#include <cstring>
#include <stdexcept>
#include <string>

#include "core/row_tasks.h"
#include "core/scratch.h"

namespace elastic {
namespace {

float half_at(const char* halves, int64_t index) {
  float value;
  float_kernels().convert(halves + 2 * index, DType::F16, reinterpret_cast<char*>(&value), DType::F32, 1);
  return value;
}

uint32_t integer_at(const BlockLayout& layout, const char* record, int64_t lane, int64_t i) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(record);
  const int64_t step = i / 4, at = lane * 4 + i % 4;
  if (layout.bits == 8) return bytes[step * kPanel * 4 + at];
  const uint32_t low = bytes[step % 4 * kPanel * 4 + at] >> (step < 4 ? 0 : 4) & 15;
  if (layout.bits == 4) return low;
  const uint8_t* planes = bytes + layout.integer_bytes();
  if (layout.bits == 5) return low | static_cast<uint32_t>(planes[at] >> step & 1) << 4;
  return low | static_cast<uint32_t>(planes[step / 4 * kPanel * 4 + at] >> (2 * (step % 4)) & 3) << 4;
}

/** 32 weights of one output of a panel. */
void widen_record(const BlockLayout& layout, const char* header, const char* record, int64_t lane, float* out) {
  const char* own = record + layout.integer_bytes() + layout.plane_bytes();
  const char* halves = layout.grouped ? header : own;
  const float scale = half_at(halves, lane);
  float minimum = layout.minimums ? half_at(halves, kPanel + lane) : 0.0f;
  float factors[2] = {1, 1};
  if (layout.grouped) {
    const auto first = static_cast<uint8_t>(own[lane]), second = static_cast<uint8_t>(own[kPanel + lane]);
    factors[0] = layout.sixteens ? static_cast<float>(static_cast<int8_t>(first)) : static_cast<float>(first);
    factors[1] = layout.sixteens ? static_cast<float>(static_cast<int8_t>(second)) : static_cast<float>(first);
    minimum *= static_cast<float>(second);
  }
  for (int64_t i = 0; i < kBlock; ++i) {
    const float integer = static_cast<float>(static_cast<int32_t>(integer_at(layout, record, lane, i)) - layout.offset);
    out[i] = scale * factors[i / 16] * integer + minimum;
  }
}

void widen_output(const BlockPart& part, int64_t output, float* out) {
  const BlockLayout layout = layout_of(part.format);
  const char* panel = part.panel(output / kPanel);
  const int64_t group = layout.blocks_of_group();
  for (int64_t block = 0; block < part.inputs / kBlock; ++block) {
    const char* header = panel + block / group * layout.group_bytes();
    widen_record(layout, header, header + layout.header_bytes() + block % group * layout.record_bytes(), output % kPanel, out + block * kBlock);
  }
}

}  // namespace

void embed_blocks(const BlockWeight& weight, const Matrix& ids, const Matrix& output, float factor) {
  const int32_t* tokens = ids.integers(0);
  for (int64_t token = 0; token < ids.columns; ++token) {
    if (tokens[token] >= 0 && tokens[token] < weight.outputs) continue;
    throw std::range_error("token id " + std::to_string(tokens[token]) + " is outside a vocabulary of " + std::to_string(weight.outputs));
  }
  for_rows(output, [&](int64_t token) {
    Scratch scratch;
    auto* wide = scratch.take<float>(weight.inputs);
    for (const BlockPart& part : weight.parts) {
      const int64_t row = tokens[token] - part.first_output;
      if (row >= 0 && row < part.outputs) widen_output(part, row, wide);
    }
    if (factor != 1.0f) float_kernels().scale(wide, factor, weight.inputs);
    float_kernels().convert(reinterpret_cast<const char*>(wide), DType::F32, output.row(token), output.dtype, weight.inputs);
  });
}

}  // namespace elastic
