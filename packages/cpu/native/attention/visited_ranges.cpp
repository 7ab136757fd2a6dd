#include "attention/visited_ranges.h"

#include <algorithm>

namespace elastic {

void visited_ranges(const AttentionSequence& sequence, int64_t query_head, int64_t head, int64_t position, int64_t end,
                    std::vector<Range>& ranges) {
  const HeadPattern& pattern = sequence.patterns[static_cast<std::size_t>(head)];
  if (pattern.type == HeadPattern::Type::Full || pattern.type == HeadPattern::Type::Threshold) {
    ranges.push_back({0, end});
    return;
  }
  if (pattern.type == HeadPattern::Type::Sliding) {
    ranges.push_back({std::max<int64_t>(0, position - pattern.window() + 1), end});
    return;
  }
  const int64_t size = pattern.block_size, block = position / size;
  if (pattern.type == HeadPattern::Type::Streaming) {
    const int64_t sink_end = std::min(pattern.sink_blocks * size, end);
    const int64_t local_start = std::max<int64_t>(0, block - pattern.local_blocks + 1) * size;
    if (local_start <= sink_end) {
      ranges.push_back({0, end});
    } else {
      if (sink_end > 0) ranges.push_back({0, sink_end});
      if (local_start < end) ranges.push_back({local_start, end});
    }
    return;
  }
  const int64_t first_block = sequence.mask.columns - sequence.mask_query_blocks;
  const auto* row = reinterpret_cast<const uint8_t*>(sequence.mask.row(query_head * sequence.mask_query_blocks + block - first_block));
  const std::size_t before = ranges.size();
  for (int64_t key_block = 0; key_block <= block; ++key_block) {
    if (row[key_block] != 1) continue;
    const int64_t start = key_block * size, stop = std::min(start + size, end);
    if (ranges.size() > before && ranges.back().end == start) {
      ranges.back().end = stop;
    } else {
      ranges.push_back({start, stop});
    }
  }
}

}  // namespace elastic
