// The producer warp of the Hopper backward.
#pragma once
#include "attention/backward/backward_tiles.cuh"
#include "attention/tiles/query_tiles.cuh"
#include "ptx/bulk_copy.cuh"
#include "ptx/tensor_copy.cuh"

namespace elastic {

#ifdef ELASTIC_HOPPER

/** Runs in one warp: takes items and copies K and V once, then Q and dO stage after stage, into shared memory. */
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
        shared.key_tile.done = 1;
        shared.keys_full.arrive();
      }
      return;
    }
    // Indices only grow: the search resumes where the last one ended.
    for (;;) {
      const int candidate = segment_index + 1 + lane;
      const bool begun = candidate < num_segments && parameters.segments[candidate].first_item <= index;
      const int steps = __popc(__ballot_sync(0xffffffffu, begun));
      segment_index += steps;
      if (steps < 32) break;
    }
    const BackwardSegment item = parameters.segments[segment_index];
    const int key_tile = item.first_key_tile + item.direction * (index - item.first_item);
    const SequenceEntry sequence = parameters.sequences[item.sequence];
    const HeadEntry head = parameters.heads[item.sequence * parameters.num_key_value_heads + item.key_value_head];
    const BackwardSequence& place = parameters.gradients[item.sequence];
    const int32_t first_tile = place.first_tile, tile_offset = place.tile_offset;
    int query_head = item.key_value_head * group;
    const int last_head = query_head + group - 1;
    const bool descending = item.direction > 0;
    QueryTiles<rows> walk(head, sequence, query_head, key_tile, item.first_tile, item.end_tile, descending);
    const auto advance = [&] {
      int tile = walk.next();
      while (tile < 0 && query_head < last_head) {
        ++query_head;
        walk = QueryTiles<rows>(head, sequence, query_head, key_tile, item.first_tile, item.end_tile, descending);
        tile = walk.next();
      }
      return tile;
    };
    int tile = advance();
    const int first_key = key_tile * kTile;
    const int slot = head.slot(first_key);
    if (lane == 0) {
      BackwardKeyTile& info = shared.key_tile;
      info.sequence = item.sequence;
      info.slot = slot;
      info.keys = min(kTile, sequence.key_length - first_key);
      info.done = 0;
      info.empty = tile < 0;
      info.sums = item.parts > 1 && key_tile < place.shared_key_tiles
                      ? place.first_key_sums + item.key_value_head * place.shared_key_tiles + key_tile
                      : -1;
      info.part = item.part;
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
      int previous = -1;
      if (parameters.query_order != nullptr) {
        // Where key tiles descend, the head reads them all.
        if (!descending) previous = key_tile < tile * rows / kTile ? key_tile + 1 : -1;
        else previous = previous_key_tile(head, sequence, tile_head, tile * rows, key_tile);
      }
      const int following = advance();
      if (lane == 0) {
        const int workspace_tile = tile_head * parameters.num_tiles + first_tile + tile - tile_offset;
        const int first_row = tile * rows - sequence.offset();
        const uint32_t stage = loaded % Traits::stages, free_phase = (loaded / Traits::stages & 1) ^ 1;
        shared.query_free[stage].wait(free_phase);
        shared.query_tiles[stage] = {workspace_tile, tile * rows - first_key, following < 0, previous + 1, key_tile + 1};
        constexpr uint32_t term_bytes = sizeof(shared.row_terms[0]);
        shared.query_full[stage].arrive_and_expect(Traits::query_bytes + term_bytes);
        for (int part = 0; part < Traits::parts; ++part) {
          ptx::copy_box(shared.queries[stage] + part * Traits::query_part_bytes, parameters.query[item.sequence],
                        shared.query_full[stage], part * Traits::columns, tile_head, first_row);
        }
        ptx::copy_bytes(shared.row_terms[stage], parameters.row_terms + int64_t{workspace_tile} * 2 * rows,
                        shared.query_full[stage], term_bytes);
        shared.gradient_free[stage].wait(free_phase);
        shared.gradient_full[stage].arrive_and_expect(Traits::query_bytes);
        for (int part = 0; part < Traits::parts; ++part) {
          ptx::copy_box(shared.output_gradients[stage] + part * Traits::query_part_bytes,
                        parameters.output_gradient[item.sequence], shared.gradient_full[stage],
                        part * Traits::columns, tile_head, first_row);
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
