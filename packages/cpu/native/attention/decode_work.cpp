#include "attention/decode_work.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace elastic {
namespace {

/** Whether the query heads of a group read the same keys in a row: those of a mask may each have chosen their own. */
bool reads_alike(const AttentionSequence& sequence, int64_t head, int64_t group, int64_t position) {
  const HeadPattern& pattern = sequence.patterns[static_cast<std::size_t>(head)];
  if (pattern.type != HeadPattern::Type::Selected) return true;
  const int64_t blocks = sequence.mask_query_blocks, block = position / pattern.block_size - (sequence.mask.columns - blocks);
  const char* first = sequence.mask.row(head * group * blocks + block);
  for (int64_t member = 1; member < group; ++member) {
    const char* other = sequence.mask.row((head * group + member) * blocks + block);
    if (std::memcmp(first, other, static_cast<std::size_t>(sequence.mask.columns)) != 0) return false;
  }
  return true;
}

/** Splits ranges after every 256 keys. */
void cut(const std::vector<Range>& ranges, std::size_t unit, std::vector<DecodePiece>& pieces) {
  int64_t room = 0;
  for (Range range : ranges) {
    while (range.start < range.end) {
      if (room == 0) {
        pieces.push_back({unit, {}, 0, DecodePiece::kNoScores});
        room = kPieceKeys;
      }
      const int64_t keys = std::min(room, range.end - range.start);
      pieces.back().ranges.push_back({range.start, range.start + keys});
      range.start += keys;
      room -= keys;
    }
  }
}

std::vector<std::size_t> key_order(const DecodeWork& work) {
  const auto first_row = [&](std::size_t index) {
    const DecodePiece& piece = work.pieces[index];
    const DecodeUnit& unit = work.units[piece.unit];
    return unit.sequence->stores[static_cast<std::size_t>(unit.head)].slot(piece.ranges.front().start);
  };
  std::vector<std::pair<int64_t, std::size_t>> rows;
  for (std::size_t index = 0; index < work.pieces.size(); ++index) rows.emplace_back(first_row(index), index);
  std::sort(rows.begin(), rows.end());
  std::vector<std::size_t> order;
  for (const auto& [row, index] : rows) order.push_back(index);
  return order;
}

}  // namespace

DecodeWork decode_work(const AttentionCall& call, const std::vector<const AttentionSequence*>& sequences) {
  DecodeWork work;
  std::vector<Range> ranges;
  for (const AttentionSequence* sequence : sequences) {
    const auto heads = static_cast<int64_t>(sequence->patterns.size());
    const int64_t group = call.num_query_heads / heads;
    for (int64_t row = 0; row < sequence->length; ++row) {
      for (int64_t query_head = 0; query_head < call.num_query_heads;) {
        const int64_t head = query_head / group;
        const int64_t position = sequence->position(row);
        const int64_t members = reads_alike(*sequence, head, group, position) ? group : 1;
        ranges.clear();
        visited_ranges(*sequence, query_head, head, position, position + 1, ranges);
        const std::size_t first = work.pieces.size();
        cut(ranges, work.units.size(), work.pieces);
        for (std::size_t i = first; i < work.pieces.size(); ++i) {
          work.pieces[i].results = work.results;
          work.results += static_cast<std::size_t>(members * (call.head_dim + 2));
          if (sequence->patterns[static_cast<std::size_t>(head)].type != HeadPattern::Type::Threshold) continue;
          work.pieces[i].scores = work.num_scores;
          work.num_scores += static_cast<std::size_t>(members * kPieceKeys);
        }
        work.units.push_back({sequence, row, head, query_head, members, first, work.pieces.size()});
        query_head += members;
      }
    }
  }
  work.order = key_order(work);
  work.tops.resize(work.num_scores / static_cast<std::size_t>(kSkipKeys));
  work.skipped.resize(work.tops.size());
  return work;
}

}  // namespace elastic
