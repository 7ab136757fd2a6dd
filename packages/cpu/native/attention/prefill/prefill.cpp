#include "attention/prefill/prefill.h"

#include <algorithm>
#include <cstring>

#include "core/instruction_set.h"
#include "core/scratch.h"
#include "core/thread_pool.h"

namespace elastic {
namespace {

/** Blocks of 32 positions that one task packs. */
constexpr int64_t kPackGroup = 8;

const PrefillKernel& choose([[maybe_unused]] const AttentionCall& call, [[maybe_unused]] const AttentionSequence& sequence) {
#if defined(__x86_64__)
  const bool bf16 = call.query.dtype == DType::BF16 && sequence.keys.dtype != DType::F32;
  if (bf16 && call.head_dim % 32 == 0 && instruction_set() >= InstructionSet::Avx512Bf16) return bf16_prefill_kernel();
#endif
  return generic_prefill_kernel();
}

/** A tile on one side; `copy` is the side that gets the same results. */
struct Job {
  const QueryTile* tile;
  const Range* ranges;
  const AttentionCall* call;
  const AttentionCall* copy;
};

bool same_keys(const HeadTiles& a, const QueryTile& x, const HeadTiles& b, const QueryTile& y) {
  return x.row == y.row && x.rows == y.rows && x.query_head == y.query_head && x.window == y.window &&
         std::equal(a.ranges.begin() + static_cast<std::ptrdiff_t>(x.first_range),
                    a.ranges.begin() + static_cast<std::ptrdiff_t>(x.last_range),
                    b.ranges.begin() + static_cast<std::ptrdiff_t>(y.first_range),
                    b.ranges.begin() + static_cast<std::ptrdiff_t>(y.last_range),
                    [](const Range& p, const Range& q) { return p.start == q.start && p.end == q.end; });
}

/** The tiles of all sides, the longest first. */
std::vector<Job> jobs_of(const std::vector<HeadTiles>& tiles, const std::vector<PrefillSide>& sides) {
  std::vector<Job> jobs;
  std::size_t previous = 0;
  for (std::size_t side = 0; side < sides.size(); ++side) {
    const std::size_t first = jobs.size();
    std::size_t candidate = previous;
    for (const QueryTile& tile : tiles[side].tiles) {
      // Both sides are in the order of rows, then of query heads.
      const auto before = [](const QueryTile& a, const QueryTile& b) {
        return a.row != b.row ? a.row < b.row : a.query_head < b.query_head;
      };
      while (candidate < first && before(*jobs[candidate].tile, tile)) ++candidate;
      const bool shared = side > 0 && candidate < first && jobs[candidate].copy == nullptr &&
                          sides[side].call->output.dtype == jobs[candidate].call->output.dtype &&
                          same_keys(tiles[side - 1], *jobs[candidate].tile, tiles[side], tile);
      if (shared) {
        jobs[candidate].copy = sides[side].call;
      } else {
        jobs.push_back({&tile, tiles[side].ranges.data(), sides[side].call, nullptr});
      }
    }
    previous = first;
  }
  std::stable_sort(jobs.begin(), jobs.end(), [](const Job& a, const Job& b) { return a.tile->cost > b.tile->cost; });
  return jobs;
}

void copy_results(const Job& job) {
  const Matrix &from = job.call->output, &to = job.copy->output;
  const Matrix &from_sums = job.call->log_sum_exp, &to_sums = job.copy->log_sum_exp;
  const int64_t head = job.tile->query_head, bytes = job.call->head_dim * byte_size(from.dtype);
  for (int64_t row = job.tile->row; row < job.tile->row + job.tile->rows; ++row) {
    std::memcpy(to.row(row) + head * bytes, from.row(row) + head * bytes, static_cast<std::size_t>(bytes));
    if (to_sums.data != nullptr) to_sums.floats(row)[head] = from_sums.floats(row)[head];
  }
}

}  // namespace

void prefill_attention(const std::vector<PrefillSide>& sides) {
  const auto heads = static_cast<int64_t>(sides.front().sequence->patterns.size());
  for (int64_t head = 0; head < heads; ++head) prefill_head(sides, head);
}

void prefill_head(const std::vector<PrefillSide>& sides, int64_t head) {
  const AttentionCall& call = *sides.front().call;
  const AttentionSequence& sequence = *sides.front().sequence;
  const PrefillKernel& kernel = choose(call, sequence);
  const auto heads = static_cast<int64_t>(sequence.patterns.size());
  const int64_t blocks = (sequence.cache_length + kKeyBlock - 1) / kKeyBlock;
  const int64_t bytes = blocks * kKeyBlock * kernel.position_bytes(call.head_dim);
  Scratch scratch;
  const PackedHead packed{scratch.take<char>(bytes), scratch.take<char>(bytes), call.head_dim, blocks};
  std::vector<HeadTiles> tiles;
  std::vector<char> needed(static_cast<std::size_t>(blocks * kKeyBlock + 1), 0);
  for (const PrefillSide& side : sides) {
    tiles.push_back(head_tiles(*side.sequence, head, call.num_query_heads / heads, kTileRows));
    const std::vector<char> read = needed_positions(tiles.back(), blocks);
    for (std::size_t i = 0; i < read.size(); ++i) needed[i] = needed[i] | read[i];
  }
  const std::vector<Job> jobs = jobs_of(tiles, sides);
  const HeadStore& store = sequence.stores[static_cast<std::size_t>(head)];
  parallel_rows(blocks, kPackGroup, [&](int64_t first, int64_t last) {
    for (int64_t block = first; block < last; ++block) {
      if (!block_needed(needed, block)) continue;
      kernel.pack_keys(cache_rows(sequence.keys, store, block * kKeyBlock, needed), block, packed);
      kernel.pack_values(cache_rows(sequence.values, store, block * kKeyBlock, needed), block, packed);
    }
  });
  parallel_for(static_cast<int64_t>(jobs.size()), [&](int64_t index) {
    const Job& job = jobs[static_cast<std::size_t>(index)];
    kernel.attend(*job.call, *job.tile, job.ranges, packed);
    if (job.copy != nullptr) copy_results(job);
  });
}

}  // namespace elastic
