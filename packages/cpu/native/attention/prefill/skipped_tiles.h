// Key tiles that a head with a threshold leaves out: decided row by row, so that a row is the same however a prompt is cut.
#pragma once
#include "attention/prefill/query_tiles.h"
#include "attention/softmax_scores.h"
#include "floats/kernel_table.h"

namespace elastic {
namespace {

/** What the rows of a query tile skip, step after step. */
template <int64_t tile_rows>
struct SkippedTiles {
  float limit[tile_rows];
  int32_t skipped = 0;
  int32_t tiles = 0;
  int64_t rows_skipped = 0;

  void begin(const QueryTile& tile) {
    if (tile.skip_factor == 0) return;
    for (int64_t row = 0; row < tile.rows; ++row) limit[row] = skip_limit(tile.skip_factor, tile.position + row + 1);
  }

  /** Whether a row leaves out the keys [low, high) of a step. */
  bool skips(const QueryTile& tile, int64_t row, const float* scores, int64_t low, int64_t high, float factor, float maximum) {
    if (tile.skip_factor == 0 || !float_kernels().all_below(scores, low, high, factor, maximum + limit[row])) return false;
    ++rows_skipped;
    return true;
  }

  /** Ends a step; whether every row has left it out. */
  bool end_step(const QueryTile& tile) {
    if (tile.skip_factor == 0) return false;
    const bool all = rows_skipped == tile.rows;
    rows_skipped = 0;
    ++tiles;
    skipped += all;
    return all;
  }

  void count(const QueryTile& tile) const {
    if (tile.skip_factor == 0 || tile.counts == nullptr) return;
    __atomic_fetch_add(tile.counts, skipped, __ATOMIC_RELAXED);
    __atomic_fetch_add(tile.counts + tile.counts_stride, tiles, __ATOMIC_RELAXED);
  }
};

}  // namespace
}  // namespace elastic
