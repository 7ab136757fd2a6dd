// Key tiles that a warp group of the Hopper forward leaves out under a threshold: those in which no row reaches its limit.
#pragma once
#include "attention/forward/forward_tiles.cuh"
#include "ptx/uniform.cuh"

namespace elastic {

#ifdef ELASTIC_HOPPER

/** Of the query tile of a warp group; all of its threads decide together. */
struct SkippedTiles {
  bool active = false;
  /** Whether the tile whose P comes next is left out. */
  bool skips = false;
  /** Of this thread's two rows, in units of scores; +infinity for rows that are not of the sequence. */
  float limit[2];
  /** Whether a row of the warp group is of the sequence: else nothing is counted. */
  bool has_rows;
  int32_t skipped;
  int32_t tiles;

  __device__ void begin(const ForwardQueryTile& tile, int thread_row, float scale_log2) {
    skips = false;
    active = ptx::uniform(tile.has_threshold) != 0;
    if (!active) return;
    skipped = 0;
    tiles = 1;
    const int group_begin = thread_row / 64 * 64;
    has_rows = tile.begin < group_begin + 64 && group_begin < tile.end;
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      const int in_tile = thread_row + 8 * row;
      const bool inside = in_tile >= tile.begin && in_tile < tile.end;
      limit[row] = inside ? tile.pattern.skip_limit(tile.first_position + in_tile + 1) / scale_log2 : INFINITY;
    }
  }

  /** Decides about a tile after the first; scores that are not a number keep it. The maximum may lag: then less is skipped. */
  template <int count>
  __device__ bool decide(const float (&S)[count], const float (&maximum)[2]) {
    skips = false;
    if (!active) return false;
    ++tiles;
    float bound[2];
#pragma unroll
    for (int row = 0; row < 2; ++row) bound[row] = limit[row] == INFINITY ? INFINITY : maximum[row] + limit[row];
    bool below = true;
#pragma unroll
    for (int i = 0; i < count; ++i) below = below && S[i] < bound[i / 2 % 2];
    // Named barriers 2 and 3: one for each consumer.
    skips = ptx::all_of_barrier(1 + threadIdx.x / 128, 128, below);
    skipped += skips;
    return skips;
  }

  __device__ void count(const ForwardQueryTile& tile, int num_query_heads) const {
    if (!active || !has_rows || tile.tile_counts == nullptr || threadIdx.x % 128 != 0) return;
    atomicAdd(tile.tile_counts + tile.query_head, skipped);
    atomicAdd(tile.tile_counts + num_query_heads + tile.query_head, tiles);
  }
};

#endif

}  // namespace elastic
