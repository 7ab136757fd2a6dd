// How the query rows of a key-value head are cut into tiles, and which keys those read.
#pragma once
#include <vector>

#include "addon/attention_call.h"
#include "attention/visited_ranges.h"

namespace elastic {

/** Keys that are packed together; key positions of a step start at a multiple of it. */
constexpr int64_t kKeyBlock = 32;

/**
 * Consecutive query rows of one head that read the same blocks: they never cross a block boundary of the pattern. Rows of a
 * sliding window see their own part of what the tile reads.
 */
struct QueryTile {
  int64_t query_head;
  /** Row in the query tensor, and position of that row. */
  int64_t row;
  int64_t position;
  int64_t rows;
  /** Keys that each row sees at the most, its own included: of a sliding window, where rows of a tile see different keys. */
  int64_t window;
  /** Indices into the ranges of the head. */
  std::size_t first_range;
  std::size_t last_range;
  /** Keys to read. */
  int64_t cost;
  /** Of a head with a threshold, else 0; see `HeadPattern::skip_factor`. */
  float skip_factor;
  /** Where the head counts the key tiles that it skips, and all of them `counts_stride` further on; or null. */
  int32_t* counts;
  int64_t counts_stride;

  /** First position that a row of the tile sees of those that the tile reads. */
  int64_t first_seen(int64_t row) const { return position + row + 1 - window; }
};

/** The tiles of the query heads of one key-value head. */
struct HeadTiles {
  std::vector<QueryTile> tiles;
  std::vector<Range> ranges;
};

/** Cuts the query rows of a key-value head's group into tiles of at most `tile_rows` rows, by position, then by head. */
HeadTiles head_tiles(const AttentionSequence& sequence, int64_t head, int64_t group, int64_t tile_rows);

/** For every position of `blocks` blocks whether any tile reads it. */
std::vector<char> needed_positions(const HeadTiles& tiles, int64_t blocks);
/** Whether a block of needed positions is read at all. */
bool block_needed(const std::vector<char>& needed, int64_t block);

/** Up to 32 rows of a cache; null where a position is not retained. */
struct CacheRows {
  const char* rows[kKeyBlock];
  DType dtype;
};

/**
 * The rows of the block from position `first` on; none for positions that nothing reads: a ring that has grown has slots
 * that were never written, and a weight of 0 does not make a NaN go away.
 */
CacheRows cache_rows(const Matrix& matrix, const HeadStore& store, int64_t first, const std::vector<char>& needed);

}  // namespace elastic
