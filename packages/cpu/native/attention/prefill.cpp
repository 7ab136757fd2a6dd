#include "attention/visited_ranges.h"
#include "core/host_memory.h"
#include "attention/prefill.h"

#include <algorithm>

#include "addon/buffer_table.h"
#include "core/instruction_set.h"
#include "core/thread_pool.h"

namespace elastic {
namespace {

/** Blocks of 32 positions that one task packs. */
constexpr int64_t kPackGroup = 8;

struct HeadWork {
  std::vector<PrefillTile> tiles;
  std::vector<Range> ranges;
};

/** Cuts the query rows of one key-value head's group into tiles, the longest first. */
HeadWork plan_head(const AttentionSequence& sequence, int64_t head, int64_t group) {
  HeadWork work;
  const HeadPattern& pattern = sequence.patterns[static_cast<std::size_t>(head)];
  const bool shared = pattern.type != HeadPattern::Type::Selected;
  const int64_t block = pattern.type == HeadPattern::Type::Full ? kTileRows : pattern.block_size;
  for (int64_t row = 0; row < sequence.length;) {
    const int64_t position = sequence.position(row), in_block = position % block;
    const int64_t until = std::min((in_block / kTileRows + 1) * kTileRows, block) - in_block;
    const int64_t rows = std::min(until, sequence.length - row);
    std::size_t first = work.ranges.size();
    for (int64_t member = 0; member < group; ++member) {
      const int64_t query_head = head * group + member;
      if (member == 0 || !shared) {
        first = work.ranges.size();
        visited_ranges(sequence, query_head, head, position, position + rows, work.ranges);
      }
      int64_t cost = 0;
      for (std::size_t i = first; i < work.ranges.size(); ++i) cost += work.ranges[i].end - work.ranges[i].start;
      work.tiles.push_back({query_head, sequence.start + row, position, rows, first, work.ranges.size(), cost});
    }
    row += rows;
  }
  std::stable_sort(work.tiles.begin(), work.tiles.end(),
                   [](const PrefillTile& a, const PrefillTile& b) { return a.cost > b.cost; });
  return work;
}

/** Which positions any tile reads, rounded up to whole blocks. */
std::vector<char> needed_positions(const HeadWork& work, int64_t blocks) {
  std::vector<int32_t> change(static_cast<std::size_t>(blocks * kKeyBlock + 1), 0);
  for (const Range& range : work.ranges) {
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

/**
 * The rows of a block; none for positions that nothing reads: a ring that has grown has slots that were never written,
 * and a weight of 0 does not make a NaN go away.
 */
CacheRows cache_rows(const Matrix& matrix, const HeadStore& store, int64_t first, const char* needed) {
  CacheRows result;
  result.dtype = matrix.dtype;
  for (int64_t i = 0; i < kKeyBlock; ++i) result.rows[i] = needed[first + i] ? matrix.row(store.slot(first + i)) : nullptr;
  return result;
}

const PrefillKernel& choose(const AttentionCall& call, const AttentionSequence& sequence) {
#if defined(__x86_64__)
  const bool bf16 = call.query.dtype == DType::BF16 && sequence.keys.dtype == DType::BF16;
  if (bf16 && call.head_dim % 32 == 0 && instruction_set() >= InstructionSet::Avx512Bf16) return bf16_prefill_kernel();
#endif
  return generic_prefill_kernel();
}

}  // namespace

void prefill_attention(const AttentionCall& call, const AttentionSequence& sequence) {
  const PrefillKernel& kernel = choose(call, sequence);
  const auto heads = static_cast<int64_t>(sequence.patterns.size());
  const int64_t blocks = (sequence.cache_length + kKeyBlock - 1) / kKeyBlock;
  const auto bytes = static_cast<std::size_t>(blocks * kKeyBlock * kernel.position_bytes(call.head_dim));
  const PackedHead packed{thread_scratch(6, bytes), thread_scratch(7, bytes), call.head_dim, blocks};
  for (int64_t head = 0; head < heads; ++head) {
    const HeadWork work = plan_head(sequence, head, call.num_query_heads / heads);
    const std::vector<char> needed = needed_positions(work, blocks);
    const HeadStore& store = sequence.stores[static_cast<std::size_t>(head)];
    parallel_rows(blocks, kPackGroup, [&](int64_t first, int64_t last) {
      for (int64_t block = first; block < last; ++block) {
        const int64_t position = block * kKeyBlock;
        if (std::find(needed.data() + position, needed.data() + position + kKeyBlock, 1) == needed.data() + position + kKeyBlock) continue;
        kernel.pack_keys(cache_rows(sequence.keys, store, position, needed.data()), block, packed);
        kernel.pack_values(cache_rows(sequence.values, store, position, needed.data()), block, packed);
      }
    });
    parallel_for(static_cast<int64_t>(work.tiles.size()), [&](int64_t index) {
      kernel.attend(call, work.tiles[static_cast<std::size_t>(index)], work.ranges.data(), packed);
    });
  }
}

}  // namespace elastic
