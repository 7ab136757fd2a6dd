#include "training/attention_backward.h"

#include <algorithm>
#include <cmath>

#include "core/instruction_set.h"
#include "core/scratch.h"
#include "core/thread_pool.h"
#include "floats/gradients/gradient_table.h"
#include "floats/kernel_table.h"

namespace elastic {
namespace {

constexpr float kLog2E = 1.44269504f;
/** Blocks of 32 positions that one task packs. */
constexpr int64_t kPackGroup = 8;
/** Tasks that a sequence is cut into, whatever the number of threads: sums are added in the same order on any. */
constexpr int64_t kTasks = 16;
/** Bytes of query gradients that are held at a time; heads beyond that come after. */
constexpr int64_t kPartialBytes = int64_t{512} << 20;

/** Keys whose gradients one task holds: they stay in the second-level cache. */
int64_t chunk_keys(int64_t width) { return width <= 64 ? 512 : 256; }

/** The work of one key-value head. Lanes are tasks: each goes through its chunks of keys, and has query gradients of its own. */
struct HeadWork {
  int64_t head;
  HeadTiles tiles;
  std::vector<char> needed;
  int64_t padded_rows;
  BackwardKeys keys;
  /** Packed tiles, one behind the other. */
  char* packed;
  int64_t tile_bytes;
  /** [lanes][tiles][width][padded_rows], written where `touched` [lanes][tiles] says so. */
  float* query_gradients;
  std::vector<char> touched;

  int64_t num_tiles() const { return static_cast<int64_t>(tiles.tiles.size()); }
  BackwardTile tile(int64_t index) const {
    return {&tiles.tiles[static_cast<std::size_t>(index)], packed + index * tile_bytes, padded_rows, keys.width};
  }
  float* query_gradient(int64_t lane, int64_t tile) const {
    return query_gradients + (lane * num_tiles() + tile) * keys.width * padded_rows;
  }
};

const BackwardKernel& choose([[maybe_unused]] const AttentionBackward& backward,
                             [[maybe_unused]] const AttentionSequence& sequence) {
#if defined(__x86_64__)
  const AttentionCall& forward = backward.forward;
  const bool bf16 = forward.query.dtype == DType::BF16 && backward.output_gradient.dtype == DType::BF16 &&
                    sequence.keys.dtype == DType::BF16;
  if (bf16 && forward.head_dim % 32 == 0 && instruction_set() >= InstructionSet::Avx512Bf16) return bf16_backward_kernel();
#endif
  return generic_backward_kernel();
}

ScoreFactors score_factors(const AttentionCall& call) {
  if (call.soft_cap > 0) return {call.soft_cap * kLog2E, call.scale / call.soft_cap};
  return {call.scale * kLog2E, 0};
}

/** The backward of one sequence. */
class SequenceBackward {
 public:
  SequenceBackward(const AttentionBackward& backward, std::size_t index)
      : backward_(backward),
        sequence_(backward.forward.sequences[index]),
        gradients_(backward.cache_gradients[index]),
        kernel_(choose(backward, sequence_)),
        factors_(score_factors(backward.forward)),
        width_((backward.forward.head_dim + kPanel - 1) / kPanel * kPanel),
        groups_((sequence_.cache_length + kBackwardKeys - 1) / kBackwardKeys),
        chunk_(chunk_keys(width_)),
        chunks_((sequence_.cache_length + chunk_ - 1) / chunk_) {
    const auto heads = static_cast<int64_t>(sequence_.patterns.size());
    lanes_ = std::clamp<int64_t>((kTasks + heads - 1) / heads, 1, std::max<int64_t>(1, chunks_));
  }

  void run() {
    const auto heads = static_cast<int64_t>(sequence_.patterns.size());
    const int64_t group = backward_.forward.num_query_heads / heads;
    const int64_t partial = lanes_ * (sequence_.length + kBackwardRows) * group * width_ * 4;
    const int64_t batch = std::clamp<int64_t>(kPartialBytes / partial, 1, heads);
    for (int64_t head = 0; head < heads; head += batch) run_heads(head, std::min(head + batch, heads), group);
  }

 private:
  void run_heads(int64_t first, int64_t last, int64_t group) {
    std::vector<HeadWork> works;
    for (int64_t head = first; head < last; ++head) works.push_back(plan(head, group));
    Scratch scratch;
    place(works, scratch);
    const auto count = static_cast<int64_t>(works.size()), blocks = groups_ * (kBackwardKeys / kKeyBlock);
    const int64_t packs = (blocks + kPackGroup - 1) / kPackGroup;
    parallel_for(count * packs, [&](int64_t index) {
      const int64_t start = index % packs * kPackGroup;
      pack_keys(works[static_cast<std::size_t>(index / packs)], start, std::min(start + kPackGroup, blocks));
    });
    for_every_tile(works, [&](HeadWork& work, int64_t tile) { kernel_.pack_tile(backward_, work.tile(tile)); });
    parallel_for(count * lanes_, [&](int64_t index) { run_lane(works[static_cast<std::size_t>(index % count)], index / count); });
    for_every_tile(works, [&](HeadWork& work, int64_t tile) { write_query_gradient(work, tile); });
  }

  template <typename Function>
  void for_every_tile(std::vector<HeadWork>& works, const Function& fn) {
    for (HeadWork& work : works) parallel_for(work.num_tiles(), [&](int64_t tile) { fn(work, tile); });
  }

  HeadWork plan(int64_t head, int64_t group) const {
    HeadWork work{};
    work.head = head;
    work.tiles = head_tiles(sequence_, head, group, kBackwardRows);
    work.needed = needed_positions(work.tiles, groups_ * (kBackwardKeys / kKeyBlock));
    int64_t rows = 0;
    for (const QueryTile& tile : work.tiles.tiles) rows = std::max(rows, tile.rows);
    work.padded_rows = (rows + kPanel - 1) / kPanel * kPanel;
    work.tile_bytes = (kernel_.tile_bytes(work.padded_rows, width_) + 63) / 64 * 64;
    work.touched.assign(static_cast<std::size_t>(lanes_ * work.num_tiles()), 0);
    return work;
  }

  /** Gives every head its part of the scratch memory. */
  void place(std::vector<HeadWork>& works, Scratch& scratch) const {
    const int64_t matrix = groups_ * kBackwardKeys * width_ * kernel_.element_bytes;
    int64_t tiles = 0, partials = 0;
    for (const HeadWork& work : works) {
      tiles += work.num_tiles() * work.tile_bytes;
      partials += lanes_ * work.num_tiles() * width_ * work.padded_rows;
    }
    char* keys = scratch.take<char>(3 * matrix * static_cast<int64_t>(works.size()));
    char* packed = scratch.take<char>(tiles);
    float* partial = scratch.take<float>(partials);
    for (HeadWork& work : works) {
      work.keys = {keys, keys + matrix, keys + 2 * matrix, width_};
      work.packed = packed;
      work.query_gradients = partial;
      keys += 3 * matrix;
      packed += work.num_tiles() * work.tile_bytes;
      partial += lanes_ * work.num_tiles() * width_ * work.padded_rows;
    }
  }

  void pack_keys(const HeadWork& work, int64_t first, int64_t last) const {
    const HeadStore& store = sequence_.stores[static_cast<std::size_t>(work.head)];
    for (int64_t block = first; block < last; ++block) {
      if (!block_needed(work.needed, block)) continue;
      const int64_t position = block * kKeyBlock;
      kernel_.pack_keys(cache_rows(sequence_.keys, store, position, work.needed),
                        cache_rows(sequence_.values, store, position, work.needed), block, backward_.forward.head_dim, work.keys);
    }
  }

  /** All chunks of a lane; forth and back, so that lanes get as many early chunks, which more queries see. */
  void run_lane(HeadWork& work, int64_t lane) const {
    for (int64_t round = 0; round * lanes_ < chunks_; ++round) {
      const int64_t chunk = round * lanes_ + (round % 2 == 0 ? lane : lanes_ - 1 - lane);
      if (chunk < chunks_) run_chunk(work, lane, chunk * chunk_, std::min((chunk + 1) * chunk_, sequence_.cache_length));
    }
  }

  void run_chunk(HeadWork& work, int64_t lane, int64_t start, int64_t end) const {
    const int64_t size = chunk_ * width_;
    Scratch scratch;
    float* key_gradients = scratch.take<float>(size);
    float* value_gradients = scratch.take<float>(size);
    std::fill(key_gradients, key_gradients + size, 0.0f);
    std::fill(value_gradients, value_gradients + size, 0.0f);
    const std::vector<Range>& ranges = work.tiles.ranges;
    for (int64_t index = 0; index < work.num_tiles(); ++index) {
      const BackwardTile tile = work.tile(index);
      const auto from = ranges.begin() + static_cast<std::ptrdiff_t>(tile.tile->first_range);
      const auto until = ranges.begin() + static_cast<std::ptrdiff_t>(tile.tile->last_range);
      auto range = std::lower_bound(from, until, start, [](const Range& a, int64_t position) { return a.end <= position; });
      for (; range != until && range->start < end; ++range) {
        const int64_t low = std::max(range->start, start), high = std::min(range->end, end);
        if (low >= high) continue;
        char& touched = work.touched[static_cast<std::size_t>(lane * work.num_tiles() + index)];
        float* query_gradient = work.query_gradient(lane, index);
        if (touched == 0) std::fill(query_gradient, query_gradient + width_ * work.padded_rows, 0.0f);
        touched = 1;
        for (int64_t group = low / kBackwardKeys * kBackwardKeys; group < high; group += kBackwardKeys) {
          const int64_t first = std::max(group, low) / kKeyBlock * kKeyBlock;
          const int64_t last = (std::min(group + kBackwardKeys, high) + kKeyBlock - 1) / kKeyBlock * kKeyBlock;
          const int64_t at = (first - start) * width_;
          kernel_.step(tile, work.keys, factors_,
                       {first, last - first, low, high, key_gradients + at, value_gradients + at, query_gradient});
        }
      }
    }
    for (int64_t position = start; position < end; ++position) {
      const int64_t slot = sequence_.stores[static_cast<std::size_t>(work.head)].slot(position);
      const int64_t at = (position - start) * width_;
      write(key_gradients + at, backward_.forward.scale, gradients_.keys, gradients_.keys.row(slot));
      write(value_gradients + at, 1.0f, gradients_.values, gradients_.values.row(slot));
    }
  }

  /** The sum over the lanes, in their order, back from columns to rows. */
  void write_query_gradient(const HeadWork& work, int64_t index) const {
    const QueryTile& tile = work.tiles.tiles[static_cast<std::size_t>(index)];
    const int64_t size = width_ * work.padded_rows;
    Scratch scratch;
    float* sum = scratch.take<float>(size);
    float* row = scratch.take<float>(width_);
    std::fill(sum, sum + size, 0.0f);
    for (int64_t lane = 0; lane < lanes_; ++lane) {
      if (work.touched[static_cast<std::size_t>(lane * work.num_tiles() + index)] == 0) continue;
      gradient_kernels().add_scaled(work.query_gradient(lane, index), 1.0f, sum, size);
    }
    const Matrix& target = backward_.query_gradient;
    const int64_t head_dim = backward_.forward.head_dim;
    for (int64_t r = 0; r < tile.rows; ++r) {
      for (int64_t i = 0; i < width_; ++i) row[i] = sum[i * work.padded_rows + r];
      write(row, backward_.forward.scale, target, target.row(tile.row + r) + tile.query_head * head_dim * byte_size(target.dtype));
    }
  }

  void write(float* row, float factor, const Matrix& target, char* out) const {
    const int64_t head_dim = backward_.forward.head_dim;
    if (factor != 1.0f) float_kernels().scale(row, factor, head_dim);
    float_kernels().finish_row(row, nullptr, out, target.dtype, backward_.accumulate, head_dim);
  }

  const AttentionBackward& backward_;
  const AttentionSequence& sequence_;
  const CacheGradients& gradients_;
  const BackwardKernel& kernel_;
  ScoreFactors factors_;
  int64_t width_;
  int64_t groups_;
  int64_t chunk_;
  int64_t chunks_;
  int64_t lanes_;
};

}  // namespace

RowStatistics& row_statistics(const AttentionBackward& backward, const BackwardTile& tile) {
  auto& statistics = *reinterpret_cast<RowStatistics*>(tile.packed);
  const AttentionCall& forward = backward.forward;
  const QueryTile& rows = *tile.tile;
  for (int64_t r = 0; r < tile.padded_rows; ++r) {
    statistics.log_sum_exp[r] = INFINITY;
    statistics.delta[r] = 0;
    if (r >= rows.rows) continue;
    const int64_t row = rows.row + r, column = rows.query_head * forward.head_dim;
    const Matrix &gradient = backward.output_gradient, &output = forward.output;
    statistics.log_sum_exp[r] = forward.log_sum_exp.floats(row)[rows.query_head] * kLog2E;
    statistics.delta[r] =
        gradient_kernels().dot(gradient.row(row) + column * byte_size(gradient.dtype), gradient.dtype,
                               output.row(row) + column * byte_size(output.dtype), output.dtype, forward.head_dim);
  }
  return statistics;
}

void backend::attention_backward(const AttentionBackward& backward) {
  for (std::size_t index = 0; index < backward.forward.sequences.size(); ++index) {
    if (backward.forward.sequences[index].cache_length > 0) SequenceBackward(backward, index).run();
  }
}

}  // namespace elastic
