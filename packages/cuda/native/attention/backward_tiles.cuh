// What the Hopper backward holds in shared memory, and the warp that fills it.
#pragma once
#include "attention/backward_sm90.h"
#include "attention/query_tiles.cuh"
#include "ptx/tensor_copy.cuh"
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
  /** Gradients of the scores: 64 queries a row, a row for each key. */
  static constexpr int score_bytes = kTile * rows * 2;
  static constexpr int consumers = 2;
  static constexpr int threads = 128 * (consumers + 1);
  /**
   * Columns of the query gradient that a warp group makes, in whole swizzle atoms: from 0 and from `second_column` on. Where
   * these overlap, the first warp group's are taken before `split_column`.
   */
  static constexpr int gradient_columns = 64;
  static constexpr int second_column = head_dim - gradient_columns;
  static constexpr int split_column = head_dim == 64 ? 32 : 64;
};

/** A query tile as the producer tells it. */
struct QueryTileNote {
  /** Number of the tile in the workspace, over all heads. */
  int32_t index;
  /** Position of the tile's first row, counted from the key tile's first key. */
  int32_t distance;
  int32_t last;
  /** Key tile that must have been added before this one, or -1. */
  int32_t previous;
};

/** The key tile that is worked on. */
struct KeyTileNote {
  int32_t sequence;
  int32_t key_tile;
  /** Row of the gradients for the first key. */
  int32_t slot;
  /** Keys there are in the tile. */
  int32_t end;
  int32_t done;
  /** No query of the item sees it. */
  int32_t empty;
  /** Tile of `key_sums` that the gradients are added to, or -1 where this item alone makes them. */
  int32_t sums;
  /** Items that must have added theirs before. */
  int32_t turn;
};

template <typename Traits>
struct alignas(1024) BackwardShared {
  uint8_t keys[Traits::key_bytes];
  uint8_t values[Traits::key_bytes];
  uint8_t queries[Traits::stages][Traits::query_bytes];
  uint8_t output_gradients[Traits::stages][Traits::query_bytes];
  uint8_t score_gradients[2][Traits::score_bytes];
  float terms[Traits::stages][2 * Traits::rows];
  ptx::Barrier keys_full, keys_free;
  ptx::Barrier query_full[Traits::stages], gradient_full[Traits::stages], tile_free[Traits::stages];
  QueryTileNote notes[Traits::stages];
  KeyTileNote work;
};

#ifdef ELASTIC_HOPPER

/** Tells the compiler that all lanes hold the same value, so that a branch on it does not split the warp. */
__device__ inline int uniform_value(int value) { return __shfl_sync(0xffffffffu, value, 0); }

/** Runs in one warp: takes items and streams keys, values, queries and output gradients into shared memory. */
template <typename Traits>
__device__ void produce_backward(const BackwardParameters& parameters, BackwardShared<Traits>& shared) {
  constexpr int rows = Traits::rows;
  const int lane = threadIdx.x % 32;
  const int group = parameters.num_query_heads / parameters.num_key_value_heads;
  const int num_segments = parameters.num_segments;
  uint32_t loaded = 0, key_phase = 0;
  int segment_index = 0;
  for (;;) {
    int index = 0;
    if (lane == 0) index = atomicAdd(parameters.next_item, 1);
    index = __shfl_sync(0xffffffffu, index, 0);
    shared.keys_free.wait(key_phase ^ 1);
    key_phase ^= 1;
    if (index >= parameters.num_items) {
      if (lane == 0) {
        shared.work.done = 1;
        shared.keys_full.arrive();
      }
      return;
    }
    // Items only go up: the search goes on where the last one ended.
    for (;;) {
      const int candidate = segment_index + 1 + lane;
      const bool begun = candidate < num_segments && parameters.segments[candidate].first_item <= index;
      const int steps = __popc(__ballot_sync(0xffffffffu, begun));
      segment_index += steps;
      if (steps < 32) break;
    }
    const BackwardSegment item = parameters.segments[segment_index];
    const int key_tile = item.first_key_tile + index - item.first_item;
    const SequenceEntry sequence = parameters.sequences[item.sequence];
    const HeadEntry head = parameters.heads[item.sequence * parameters.num_key_value_heads + item.key_value_head];
    const BackwardSequence& place = parameters.gradients[item.sequence];
    const int32_t first_tile = place.first_tile, tile_offset = place.tile_offset;
    int query_head = item.key_value_head * group;
    const int last_head = query_head + group - 1;
    QueryTiles<rows> walk(head, sequence, query_head, key_tile, item.first_tile, item.end_tile);
    const auto advance = [&] {
      int tile = walk.next();
      while (tile < 0 && query_head < last_head) {
        ++query_head;
        walk = QueryTiles<rows>(head, sequence, query_head, key_tile, item.first_tile, item.end_tile);
        tile = walk.next();
      }
      return tile;
    };
    int tile = advance();
    const int first_key = key_tile * kTile;
    const int slot = head.slot(first_key);
    if (lane == 0) {
      KeyTileNote& work = shared.work;
      work.sequence = item.sequence;
      work.key_tile = key_tile;
      work.slot = slot;
      work.end = min(kTile, sequence.key_length - first_key);
      work.done = 0;
      work.empty = tile < 0;
      work.sums = item.parts > 1 && key_tile < place.shared_key_tiles
                      ? place.first_key_sums + item.key_value_head * place.shared_key_tiles + key_tile
                      : -1;
      work.turn = item.part;
      if (tile < 0) {
        shared.keys_full.arrive();
      } else {
        shared.keys_full.arrive_and_expect(2 * Traits::key_bytes);
        for (int part = 0; part < Traits::parts; ++part) {
          ptx::copy_box(shared.keys + part * Traits::key_part_bytes, parameters.keys[item.sequence], shared.keys_full,
                        part * Traits::columns, slot);
        }
        for (int part = 0; part < Traits::parts; ++part) {
          ptx::copy_box(shared.values + part * Traits::key_part_bytes, parameters.values[item.sequence], shared.keys_full,
                        part * Traits::columns, slot);
        }
      }
    }
    while (tile >= 0) {
      const int tile_head = query_head;
      const int previous = parameters.turns == nullptr
                               ? -1
                               : previous_key_tile(head, sequence, tile_head, tile * rows, key_tile);
      const int following = advance();
      const int stage = loaded % Traits::stages;
      if (lane == 0) {
        const int workspace_tile = tile_head * parameters.num_tiles + first_tile + tile - tile_offset;
        const int first_row = tile * rows - sequence.offset();
        shared.tile_free[stage].wait((loaded / Traits::stages & 1) ^ 1);
        shared.notes[stage] = {workspace_tile, tile * rows - first_key, following < 0, previous};
        constexpr uint32_t term_bytes = sizeof(shared.terms[0]);
        shared.query_full[stage].arrive_and_expect(Traits::query_bytes + term_bytes);
        ptx::copy_bytes(shared.terms[stage], parameters.terms + int64_t{workspace_tile} * 2 * rows,
                        shared.query_full[stage], term_bytes);
        for (int part = 0; part < Traits::parts; ++part) {
          ptx::copy_box(shared.queries[stage] + part * Traits::query_part_bytes, parameters.query[item.sequence],
                        shared.query_full[stage], part * Traits::columns, tile_head, first_row);
        }
        shared.gradient_full[stage].arrive_and_expect(Traits::query_bytes);
        for (int part = 0; part < Traits::parts; ++part) {
          ptx::copy_box(shared.output_gradients[stage] + part * Traits::query_part_bytes,
                        parameters.output_gradient[item.sequence], shared.gradient_full[stage], part * Traits::columns,
                        tile_head, first_row);
        }
      }
      ++loaded;
      tile = following;
    }
    __syncwarp();
  }
}

#endif

}  // namespace elastic
