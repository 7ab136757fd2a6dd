#include "attention/tables/tile_requirements.h"

#include <algorithm>

#include "attention/tables/attention_entries.h"
#include "attention/forward/forward_sm90.h"
#include "core/device/device.h"

namespace elastic {

bool tiles_serve_call(const AttentionCall& call) {
  const bool half = call.query.dtype == DType::BF16 || call.query.dtype == DType::F16;
  return Device::instance().capability == 90 && half && forward_sm90_has(static_cast<int>(call.head_dim)) &&
         call.output.dtype == call.query.dtype && aligned_rows(call.query) && aligned_rows(call.output);
}

namespace {

bool is_row_pattern(const HeadPattern& pattern) {
  return pattern.type == HeadPattern::Type::Sliding || pattern.type == HeadPattern::Type::Threshold;
}

}  // namespace

bool has_row_patterns(const AttentionSequence& sequence) {
  return std::any_of(sequence.patterns.begin(), sequence.patterns.end(), is_row_pattern) ||
         std::any_of(sequence.choices.begin(), sequence.choices.end(), is_row_pattern);
}

bool tiles_serve_sequence(const AttentionCall& call, const AttentionSequence& sequence, bool row_patterns) {
  if (sequence.keys.dtype != call.query.dtype || !aligned_rows(sequence.keys) || !aligned_rows(sequence.values)) return false;
  if (sequence.keys.row_stride != call.head_dim || sequence.values.row_stride != call.head_dim) return false;
  const auto whole_tiles = [&](const HeadPattern& pattern) {
    if (is_row_pattern(pattern)) return row_patterns;
    return pattern.type == HeadPattern::Type::Full || pattern.block_size % kTile == 0;
  };
  if (!std::all_of(sequence.choices.begin(), sequence.choices.end(), whole_tiles)) return false;
  for (std::size_t head = 0; head < sequence.patterns.size(); ++head) {
    if (!whole_tiles(sequence.patterns[head])) return false;
    const HeadStore& store = sequence.stores[head];
    if (store.ring_tokens % kTile != 0 || store.sink_tokens % kTile != 0) return false;
  }
  return true;
}

}  // namespace elastic
