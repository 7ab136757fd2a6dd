// What the warps of the Hopper kernel share: tiles in shared memory and what the producer tells of them.
#pragma once
#include "attention/forward_sm90.h"
#include "ptx/warp_group_matrix.cuh"

namespace elastic {

/** What the consumers must know of a key tile. */
enum TileFlags : int { kDiagonal = 1, kLast = 2, kSnapshot = 4 };

template <typename Element_, int head_dim_, bool dual_>
struct ForwardTraits {
  using Element = Element_;
  static constexpr int head_dim = head_dim_;
  static constexpr bool dual = dual_;
  static constexpr int columns = box_columns(head_dim);
  static constexpr int row_bytes = columns * 2;
  static constexpr int parts = head_dim / columns;
  static constexpr int part_bytes = kTile * row_bytes;
  static constexpr int tile_bytes = parts * part_bytes;
  /** Scores of the next tile are on their way while the softmax of one runs: where registers hold two tiles of them. */
  static constexpr bool ahead = head_dim < 128;
  static constexpr uint32_t stages = head_dim == 128 ? 2 : 4;
  static_assert((stages & (stages - 1)) == 0, "tiles are counted beyond 32 bits");
  static constexpr ptx::Swizzle swizzle = columns == 64 ? ptx::Swizzle::Bytes128 : ptx::Swizzle::Bytes64;
  static constexpr int consumers = 2;
  static constexpr int threads = 128 * (consumers + 1);
};

/** The query tile that is worked on, as the producer tells it. */
struct WorkTile {
  /** Row of `query` and `output` of the tile's first row; may lie before the sequence. */
  int32_t first_row;
  /** Rows of the tile that belong to the sequence. */
  int32_t begin;
  int32_t end;
  int32_t query_head;
  /** Keys there are in the tile on the diagonal. */
  int32_t diagonal_keys;
  /** No more work; nothing to read; no sparse tile to read. */
  int32_t done;
  int32_t empty;
  int32_t sparse_empty;
};

template <typename Traits>
struct alignas(1024) ForwardShared {
  uint8_t query[Traits::tile_bytes];
  uint8_t keys[Traits::stages][Traits::tile_bytes];
  uint8_t values[Traits::stages][Traits::tile_bytes];
  ptx::Barrier query_full, query_free;
  ptx::Barrier keys_full[Traits::stages], keys_free[Traits::stages];
  ptx::Barrier values_full[Traits::stages], values_free[Traits::stages];
  int flags[Traits::stages];
  /** By parity: one is still read when the next is written. */
  WorkTile work[2];
};

}  // namespace elastic
