// Shared memory of the Hopper backward: the tiles in their stages, and what the producer says about each.
#pragma once
#include "attention/backward/backward_sm90.h"
#include "ptx/warp_group_matrix.cuh"

namespace elastic {

template <typename Element_, int head_dim_>
struct BackwardTraits {
  using Element = Element_;
  static constexpr int head_dim = head_dim_;
  static constexpr int rows = query_rows(head_dim);
  static constexpr int columns = box_columns(head_dim);
  static constexpr int row_bytes = columns * 2;
  static constexpr int parts = head_dim / columns;
  static constexpr int key_part_bytes = kTile * row_bytes;
  static constexpr int key_bytes = parts * key_part_bytes;
  static constexpr int query_part_bytes = rows * row_bytes;
  static constexpr int query_bytes = parts * query_part_bytes;
  static constexpr int stages = 2;
  static constexpr ptx::Swizzle swizzle = columns == 64 ? ptx::Swizzle::Bytes128 : ptx::Swizzle::Bytes64;
  /** dS of 64 queries: a row of 128 bytes for each key. */
  static constexpr int score_part_bytes = kTile * 128;
  static constexpr int score_bytes = rows / 64 * score_part_bytes;
  static constexpr int consumers = 2;
  static constexpr int threads = 128 * (consumers + 1);
  /**
   * A warp group computes 64 rows and 64 columns of dQ: its own rows where a tile has two times 64, else its own columns, in
   * whole swizzle atoms: from 0 and from `second_column` on. Where the two overlap, those before `split_column` are stored by
   * the first warp group.
   */
  static constexpr bool splits_rows = rows == 128;
  static constexpr int second_column = splits_rows ? 0 : head_dim - 64;
  static constexpr int split_column = 64;
  /** Where the second warp group's part of a tile of dQ begins, in numbers. */
  static constexpr int second_part = 64 * 64;
};

/** A tile of dQ on its way to memory, described by the warp group that computed it. */
struct BackwardQueryGradient {
  /** Number of the tile in the workspace, or -1 after the last. */
  int32_t index;
  /** Deterministic mode: the order counter's value when it is this tile's turn, and the next one. */
  int32_t expected;
  int32_t next;
};

/** A query tile, described by the producer. */
struct BackwardQueryTile {
  /** Number of the tile in the workspace, over all heads. */
  int32_t index;
  /** Position of the tile's first row, counted from the key tile's first key. */
  int32_t distance;
  int32_t last;
  /** Deterministic mode: see `BackwardQueryGradient`. */
  int32_t expected;
  int32_t next;
};

/** The current key tile, described by the producer. */
struct BackwardKeyTile {
  int32_t sequence;
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
  float query_gradient[Traits::rows * Traits::head_dim];
  /** LSE and D of the rows; see `row_term_index`. */
  float row_terms[Traits::stages][2 * Traits::rows];
  ptx::Barrier keys_full, keys_free;
  ptx::Barrier query_full[Traits::stages], query_free[Traits::stages];
  ptx::Barrier gradient_full[Traits::stages], gradient_free[Traits::stages];
  ptx::Barrier scores_full[2], scores_free[2];
  ptx::Barrier query_gradient_full[Traits::consumers], query_gradient_free[Traits::consumers];
  BackwardQueryTile query_tiles[Traits::stages];
  BackwardQueryGradient query_gradients[Traits::consumers][4];
  BackwardKeyTile key_tile;
};

}  // namespace elastic
