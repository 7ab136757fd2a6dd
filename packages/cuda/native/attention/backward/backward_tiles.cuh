// Shared memory of the Hopper backward: the tiles in their stages, and what the producer says about each.
#pragma once
#include "attention/backward/backward_sm90.h"
#include "ptx/warp_group_matrix.cuh"

namespace elastic {

template <typename Element_, int head_dim_>
struct BackwardTraits {
  using Element = Element_;
  static constexpr int head_dim = head_dim_;
  static constexpr int rows = kQueryRows;
  static constexpr int columns = box_columns(head_dim);
  static constexpr int row_bytes = columns * 2;
  static constexpr int parts = head_dim / columns;
  static constexpr int key_part_bytes = kTile * row_bytes;
  static constexpr int key_bytes = parts * key_part_bytes;
  static constexpr int query_part_bytes = rows * row_bytes;
  static constexpr int query_bytes = parts * query_part_bytes;
  static constexpr int stages = 3;
  static constexpr ptx::Swizzle swizzle = columns == 64 ? ptx::Swizzle::Bytes128 : ptx::Swizzle::Bytes64;
  /** A tile of dS: 64 queries a row, a row for each key. */
  static constexpr int score_bytes = kTile * rows * 2;
  static constexpr int consumers = 2;
  static constexpr int threads = 128 * (consumers + 1);
  /**
   * Columns of dQ that each warp group computes, in whole swizzle atoms: from 0 and from `second_column` on. Where the two
   * overlap, those before `split_column` come from the first warp group.
   */
  static constexpr int gradient_columns = 64;
  static constexpr int second_column = head_dim - gradient_columns;
  static constexpr int split_column = head_dim == 64 ? 32 : 64;
};

/** A query tile, described by the producer. */
struct BackwardQueryTile {
  /** Number of the tile in the workspace, over all heads. */
  int32_t index;
  /** Position of the tile's first row, counted from the key tile's first key. */
  int32_t distance;
  int32_t last;
  /** Deterministic mode: the key tile whose dQ must have been added before this one's, or -1. */
  int32_t previous_key_tile;
};

/** The current key tile, described by the producer. */
struct BackwardKeyTile {
  int32_t sequence;
  int32_t key_tile;
  /** Row of the gradients for the first key. */
  int32_t slot;
  /** Keys in the tile. */
  int32_t keys;
  int32_t done;
  /** No query of the item sees it. */
  int32_t empty;
  /** Tile of `key_sums` that the gradients are added to, or -1 where this item alone computes them. */
  int32_t sums;
  /** Which part of the query tiles this item is: in deterministic mode, the number of parts that must be added before it. */
  int32_t part;
};

template <typename Traits>
struct alignas(1024) BackwardShared {
  uint8_t keys[Traits::key_bytes];
  uint8_t values[Traits::key_bytes];
  uint8_t queries[Traits::stages][Traits::query_bytes];
  uint8_t output_gradients[Traits::stages][Traits::query_bytes];
  uint8_t score_gradients[2][Traits::score_bytes];
  /** LSE and D of the rows; see `row_term_index`. */
  float row_terms[Traits::stages][2 * Traits::rows];
  ptx::Barrier keys_full, keys_free;
  ptx::Barrier query_full[Traits::stages], gradient_full[Traits::stages], tile_free[Traits::stages];
  BackwardQueryTile query_tiles[Traits::stages];
  BackwardKeyTile key_tile;
};

}  // namespace elastic
