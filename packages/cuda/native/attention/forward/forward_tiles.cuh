// Shared memory of the Hopper forward: the tiles in their stages, and what the producer says about each.
#pragma once
#include "attention/forward/forward_sm90.h"
#include "ptx/warp_group_matrix.cuh"

namespace elastic {

/**
 * What the consumers must know of a key tile: on the diagonal; the last; the last of the sparse side of a dual forward; on
 * the edge of a sliding window. Of the edge, the bits from `kEdgeShift` on say where it is: see `window_edge`. In wide
 * query tiles, where there are no edges, not read by the pattern of these rows.
 */
enum TileFlags : int { kDiagonal = 1, kLast = 2, kSnapshot = 4, kEdge = 8, kAbsent = 16 };
constexpr int kEdgeShift = 4;
/** Rows of a wide query tile lie in two blocks of 128: flags of the later block are above those of the earlier one. */
constexpr int kLaterShift = 8;

/**
 * The flags of a key tile under a sliding window: row r of the query tile sees column c of the key tile where
 * c > r + edge. 0 where every row sees every column.
 */
__device__ inline int edge_flags(int query_tile, int key_tile, int window) {
  const int edge = (query_tile - key_tile) * kTile - window;
  return edge < 1 - kTile ? 0 : kEdge | (edge + kTile) << kEdgeShift;
}
__device__ inline int window_edge(int flags) { return (flags >> kEdgeShift) - kTile; }


template <typename Element_, int head_dim_, ForwardVariant variant>
struct ForwardTraits {
  using Element = Element_;
  static constexpr int head_dim = head_dim_;
  static constexpr bool dual = variant == ForwardVariant::Dual;
  static constexpr bool terms = variant == ForwardVariant::Terms;
  static constexpr bool wide = variant == ForwardVariant::Wide;
  static constexpr int columns = box_columns(head_dim);
  static constexpr int row_bytes = columns * 2;
  static constexpr int parts = head_dim / columns;
  static constexpr int part_bytes = kTile * row_bytes;
  static constexpr int tile_bytes = parts * part_bytes;
  /**
   * Whether registers hold S of two tiles: one in its softmax while the other is computed. Not with terms: where a product
   * may be left out, ptxas then waits for every single one (C7520).
   */
  static constexpr bool two_score_tiles = head_dim < 128 && !terms && !wide;
  static constexpr uint32_t stages = head_dim == 128 ? 2 : 4;
  static_assert((stages & (stages - 1)) == 0, "the tile counter wraps at 2^32, which must be a multiple of the stages");
  static constexpr ptx::Swizzle swizzle = columns == 64 ? ptx::Swizzle::Bytes128 : ptx::Swizzle::Bytes64;
  /** Query rows of a tile, 64 for each consumer. */
  static constexpr int rows = query_rows(variant);
  static constexpr int consumers = rows / 64;
  static constexpr int threads = 128 * (consumers + 1);
  static constexpr int producer_registers = consumers == 3 ? 32 : 24;
  static constexpr int consumer_registers = consumers == 3 ? 160 : 240;
  static constexpr int query_part_bytes = rows * row_bytes;
  static constexpr int query_bytes = parts * query_part_bytes;
  static constexpr int box_bytes = query_box_rows(variant) * row_bytes;
};

/** The current query tile, described by the producer. */
struct ForwardQueryTile {
  /** Row of `query` and `output` of the tile's first row; may lie before the sequence. */
  int32_t first_row;
  /** Rows of the tile that belong to the sequence. */
  int32_t begin;
  int32_t end;
  int32_t query_head;
  /** Position of the tile's first row. */
  int32_t first_position;
  int32_t key_length;
  /** There are no more query tiles; this one has no key tile; it has none on its sparse side. */
  int32_t done;
  int32_t empty;
  int32_t sparse_empty;
  /** Whether the head has a threshold, and what its rows skip by; see `PatternEntry::skip_limit`. */
  int32_t has_threshold;
  PatternEntry pattern;
  int32_t* tile_counts;
};

template <typename Traits>
struct alignas(1024) ForwardShared {
  uint8_t queries[Traits::query_bytes];
  uint8_t keys[Traits::stages][Traits::tile_bytes];
  uint8_t values[Traits::stages][Traits::tile_bytes];
  ptx::Barrier query_full, query_free;
  ptx::Barrier keys_full[Traits::stages], keys_free[Traits::stages];
  ptx::Barrier values_full[Traits::stages], values_free[Traits::stages];
  int flags[Traits::stages];
  /** By parity: one is still read when the next is written. */
  ForwardQueryTile query_tiles[2];
};

}  // namespace elastic
