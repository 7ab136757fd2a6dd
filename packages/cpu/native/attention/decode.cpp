#include "attention/decode.h"

#include <algorithm>
#include <cmath>

#include "attention/decode_work.h"
#include "attention/softmax_scores.h"
#include "attention/split_order.h"
#include "attention/write_result.h"
#include "core/scratch.h"
#include "core/thread_pool.h"
#include "floats/kernel_table.h"

namespace elastic {
namespace {

constexpr int64_t kFewQueries = 4;

/** The queries of a unit's heads as floats, in the order in which rows are multiplied. */
float* unit_queries(const AttentionCall& call, const DecodeUnit& unit, Scratch& scratch) {
  const int64_t head_dim = call.head_dim;
  const AttentionSequence& sequence = *unit.sequence;
  float* query = scratch.take<float>(unit.num_query_heads * head_dim);
  float* natural = scratch.take<float>(head_dim);
  for (int64_t member = 0; member < unit.num_query_heads; ++member) {
    const char* source = call.query_row(sequence.start + unit.row, unit.first_query_head + member);
    float_kernels().convert(source, call.query.dtype, reinterpret_cast<char*>(natural), DType::F32, head_dim);
    split_order(natural, query + member * head_dim, head_dim, sequence.keys.dtype);
  }
  return query;
}

/** Capped scores of consecutive rows from `slot` on, [heads][kPieceKeys]. */
void score_keys(const AttentionCall& call, const DecodeUnit& unit, const float* query, int64_t slot, int64_t keys, float* scores) {
  const Matrix& rows = unit.sequence->keys;
  float_kernels().score_rows(query, unit.num_query_heads, rows.row(slot), rows.row_stride * byte_size(rows.dtype), rows.dtype, keys,
                             call.head_dim, scores, kPieceKeys);
  for (int64_t member = 0; member < unit.num_query_heads; ++member) cap_scores(call, scores + member * kPieceKeys, (keys + 15) / 16 * 16);
}

/** Calls fn(position, tile, keys) for each tile of a piece with a threshold. */
template <typename Tile>
void for_each_tile(const DecodePiece& piece, const Tile& fn) {
  const Range& range = piece.ranges.front();
  for (int64_t start = range.start; start < range.end; start += kSkipKeys) {
    fn(start, (start - range.start) / kSkipKeys, std::min(kSkipKeys, range.end - start));
  }
}

/** The scores of a piece with a threshold, and the largest of each tile. */
void score_piece(const AttentionCall& call, const DecodeUnit& unit, const DecodePiece& piece, DecodeWork& work) {
  const HeadStore& store = unit.sequence->stores[static_cast<std::size_t>(unit.head)];
  Scratch scratch;
  const float* query = unit_queries(call, unit, scratch);
  const float factor = logit_factor(call);
  for_each_tile(piece, [&](int64_t start, int64_t tile, int64_t keys) {
    float* scores = work.scores + piece.scores + tile * kSkipKeys;
    score_keys(call, unit, query, store.slot(start), keys, scores);
    for (int64_t member = 0; member < unit.num_query_heads; ++member) {
      float top = -INFINITY;
      for (int64_t key = 0; key < keys; ++key) {
        const float score = scores[member * kPieceKeys + key] * factor;
        // What is not a number is never left out.
        top = score != score ? INFINITY : std::max(top, score);
        if (top == INFINITY) break;
      }
      work.tops[piece.tiles() + static_cast<std::size_t>(member * kPieceTiles + tile)] = top;
    }
  });
}

/** Which tiles of a unit are left out: those too far below the largest score of the tiles before them. */
void skip_tiles(const DecodeUnit& unit, DecodeWork& work) {
  const AttentionSequence& sequence = *unit.sequence;
  const float factor = sequence.patterns[static_cast<std::size_t>(unit.head)].skip_factor();
  if (factor == 0) return;
  const float limit = skip_limit(factor, sequence.position(unit.row) + 1);
  for (int64_t member = 0; member < unit.num_query_heads; ++member) {
    int32_t skipped = 0, tiles = 0;
    float maximum = -INFINITY;
    for (std::size_t index = unit.first_piece; index < unit.last_piece; ++index) {
      const DecodePiece& piece = work.pieces[index];
      for_each_tile(piece, [&](int64_t, int64_t tile, int64_t) {
        const std::size_t at = piece.tiles() + static_cast<std::size_t>(member * kPieceTiles + tile);
        const bool skips = work.tops[at] < maximum + limit;
        work.skipped[at] = skips;
        if (!skips) maximum = std::max(maximum, work.tops[at]);
        skipped += skips;
        ++tiles;
      });
    }
    if (sequence.tile_counts.data == nullptr) continue;
    __atomic_fetch_add(sequence.tile_counts.integers(0) + unit.first_query_head + member, skipped, __ATOMIC_RELAXED);
    __atomic_fetch_add(sequence.tile_counts.integers(1) + unit.first_query_head + member, tiles, __ATOMIC_RELAXED);
  }
}

void attend_piece(const AttentionCall& call, const DecodeUnit& unit, const DecodePiece& piece, DecodeWork& work, float* results) {
  const FloatKernels& kernels = float_kernels();
  const AttentionSequence& sequence = *unit.sequence;
  const HeadStore& store = sequence.stores[static_cast<std::size_t>(unit.head)];
  const int64_t head_dim = call.head_dim, heads = unit.num_query_heads;
  const DType dtype = sequence.keys.dtype;
  const float factor = logit_factor(call);
  const bool skipping = piece.scores != DecodePiece::kNoScores;
  Scratch scratch;
  float* own_scores = skipping ? nullptr : scratch.take<float>(heads * kPieceKeys);
  const float* query = skipping ? nullptr : unit_queries(call, unit, scratch);
  float* out = scratch.take<float>(heads * head_dim);
  std::fill(out, out + heads * head_dim, 0.0f);
  for (int64_t member = 0; member < heads; ++member) {
    results[member * (head_dim + 2) + head_dim] = -INFINITY;
    results[member * (head_dim + 2) + head_dim + 1] = 0;
  }
  for (const Range& range : piece.ranges) {
    for (int64_t position = range.start; position < range.end;) {
      const int64_t in_tile = (position - range.start) / kSkipKeys, slot = store.slot(position);
      const int64_t reach = skipping ? kSkipKeys : store.contiguous(position), keys = std::min(range.end - position, reach);
      float* scores = skipping ? work.scores + piece.scores + in_tile * kSkipKeys : own_scores;
      const auto skips = [&](int64_t member) { return work.skipped[piece.tiles() + static_cast<std::size_t>(member * kPieceTiles + in_tile)] != 0; };
      if (!skipping) score_keys(call, unit, query, slot, keys, scores);
      int64_t left_out = 0;
      for (int64_t member = 0; member < heads; ++member) {
        float* state = results + member * (head_dim + 2) + head_dim;
        float* row = scores + member * kPieceKeys;
        const int64_t padded = (keys + 15) / 16 * 16;
        if (skipping && skips(member)) {
          std::fill(row, row + keys, 0.0f);
          ++left_out;
          continue;
        }
        float rescale = 1;
        state[0] = kernels.softmax_step(row, padded, 0, keys, factor, state[0], &state[1], &rescale);
        if (rescale != 1.0f) kernels.scale(out + member * head_dim, rescale, head_dim);
      }
      position += keys;
      if (left_out == heads) continue;
      kernels.mix_rows(scores, heads, kPieceKeys, sequence.values.row(slot),
                       sequence.values.row_stride * byte_size(dtype), dtype, keys, head_dim, out);
    }
  }
  for (int64_t member = 0; member < heads; ++member) {
    natural_order(out + member * head_dim, results + member * (head_dim + 2), head_dim, dtype);
  }
}

void merge(const AttentionCall& call, const DecodeWork& work, const DecodeUnit& unit, const float* results) {
  const int64_t head_dim = call.head_dim, width = head_dim + 2;
  Scratch scratch;
  float* out = scratch.take<float>(head_dim);
  for (int64_t member = 0; member < unit.num_query_heads; ++member) {
    float maximum = -INFINITY, sum = 0;
    const auto of = [&](std::size_t piece) { return results + work.pieces[piece].results + member * width; };
    for (std::size_t i = unit.first_piece; i < unit.last_piece; ++i) maximum = std::max(maximum, of(i)[head_dim]);
    std::fill(out, out + head_dim, 0.0f);
    for (std::size_t i = unit.first_piece; i < unit.last_piece; ++i) {
      const float* piece = of(i);
      if (piece[head_dim] == -INFINITY) continue;
      const float factor = std::exp2(piece[head_dim] - maximum);
      sum += piece[head_dim + 1] * factor;
      for (int64_t k = 0; k < head_dim; ++k) out[k] += piece[k] * factor;
    }
    write_result(call, unit.sequence->start + unit.row, unit.first_query_head + member, out, maximum, sum);
  }
}

}  // namespace

bool decode_serves(const AttentionCall& call, const AttentionSequence& sequence) {
  return sequence.length <= kFewQueries && call.head_dim % 32 == 0;
}

void decode_attention(const AttentionCall& call, const std::vector<const AttentionSequence*>& sequences) {
  DecodeWork work = decode_work(call, sequences);
  std::vector<float> results(work.results);
  Scratch scratch;
  if (work.num_scores > 0) {
    work.scores = scratch.take<float>(static_cast<int64_t>(work.num_scores));
    parallel_for(static_cast<int64_t>(work.pieces.size()), [&](int64_t index) {
      const DecodePiece& piece = work.pieces[work.order[static_cast<std::size_t>(index)]];
      if (piece.scores != DecodePiece::kNoScores) score_piece(call, work.units[piece.unit], piece, work);
    });
    for (const DecodeUnit& unit : work.units) skip_tiles(unit, work);
  }
  parallel_shares(static_cast<int64_t>(work.pieces.size()), [&](int64_t index) {
    const DecodePiece& piece = work.pieces[work.order[static_cast<std::size_t>(index)]];
    attend_piece(call, work.units[piece.unit], piece, work, results.data() + piece.results);
  });
  parallel_rows(static_cast<int64_t>(work.units.size()), 4, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) merge(call, work, work.units[static_cast<std::size_t>(i)], results.data());
  });
}

}  // namespace elastic
