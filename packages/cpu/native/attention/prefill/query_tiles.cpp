#include "attention/prefill/query_tiles.h"

#include <algorithm>

namespace elastic {

HeadTiles head_tiles(const AttentionSequence& sequence, int64_t head, int64_t group, int64_t tile_rows) {
  HeadTiles result;
  const HeadPattern& pattern = sequence.patterns[static_cast<std::size_t>(head)];
  const bool shared = pattern.type != HeadPattern::Type::Selected;
  const bool by_blocks = pattern.type == HeadPattern::Type::Streaming || pattern.type == HeadPattern::Type::Selected;
  const int64_t block = by_blocks ? pattern.block_size : tile_rows;
  for (int64_t row = 0; row < sequence.length;) {
    const int64_t position = sequence.position(row), in_block = position % block;
    const int64_t until = std::min((in_block / tile_rows + 1) * tile_rows, block) - in_block;
    const int64_t rows = std::min(until, sequence.length - row);
    // Where every row sees all earlier keys, the tile is that of a full head.
    const int64_t window = pattern.window() < position + rows ? pattern.window() : HeadPattern::kNoWindow;
    std::size_t first = result.ranges.size();
    for (int64_t member = 0; member < group; ++member) {
      const int64_t query_head = head * group + member;
      if (member == 0 || !shared) {
        first = result.ranges.size();
        visited_ranges(sequence, query_head, head, position, position + rows, result.ranges);
      }
      int64_t cost = 0;
      for (std::size_t i = first; i < result.ranges.size(); ++i) cost += result.ranges[i].end - result.ranges[i].start;
      int32_t* counts = sequence.tile_counts.data == nullptr ? nullptr : sequence.tile_counts.integers(0) + query_head;
      result.tiles.push_back({query_head, sequence.start + row, position, rows, window, first, result.ranges.size(), cost,
                              pattern.skip_factor(), counts, sequence.tile_counts.columns});
    }
    row += rows;
  }
  return result;
}

std::vector<char> needed_positions(const HeadTiles& tiles, int64_t blocks) {
  std::vector<int32_t> change(static_cast<std::size_t>(blocks * kKeyBlock + 1), 0);
  for (const Range& range : tiles.ranges) {
    if (range.start >= range.end) continue;
    change[static_cast<std::size_t>(range.start)] += 1;
    change[static_cast<std::size_t>(range.end)] -= 1;
  }
  std::vector<char> needed(change.size(), 0);
  int32_t open = 0;
  for (std::size_t i = 0; i < change.size(); ++i) {
    open += change[i];
    needed[i] = open > 0;
  }
  return needed;
}

bool block_needed(const std::vector<char>& needed, int64_t block) {
  const char* first = needed.data() + block * kKeyBlock;
  return std::find(first, first + kKeyBlock, 1) != first + kKeyBlock;
}

CacheRows cache_rows(const Matrix& matrix, const HeadStore& store, int64_t first, const std::vector<char>& needed) {
  CacheRows result;
  result.dtype = matrix.dtype;
  for (int64_t i = 0; i < kKeyBlock; ++i) {
    result.rows[i] = needed[static_cast<std::size_t>(first + i)] ? matrix.row(store.slot(first + i)) : nullptr;
  }
  return result;
}

}  // namespace elastic
