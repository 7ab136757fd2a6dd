// The producer warp of the Hopper forward.
#pragma once
#include "attention/forward/forward_tiles.cuh"
#include "attention/forward/tile_walk.cuh"
#include "ptx/tensor_copy.cuh"

namespace elastic {

#ifdef ELASTIC_HOPPER

/** Runs in one warp: takes query tiles from the schedule and copies Q, K and V into shared memory, stage after stage. */
template <typename Traits>
__device__ void produce_forward(const ForwardParameters& parameters, ForwardShared<Traits>& shared) {
  const int lane = threadIdx.x % 32;
  const int group = parameters.num_query_heads / parameters.num_key_value_heads;
  const Schedule& schedule = parameters.schedule;
  const int num_work = *schedule.num_work, num_segments = *schedule.num_segments;
  uint32_t loaded = 0;
  uint32_t query_phase = 0;
  int segment_index = 0;
  for (;;) {
    int index = 0;
    if (lane == 0) index = atomicAdd(schedule.next_work, 1);
    index = __shfl_sync(0xffffffffu, index, 0);
    if (index >= num_work) {
      shared.query_free.wait(query_phase ^ 1);
      if (lane == 0) {
        shared.query_tiles[query_phase].done = 1;
        shared.query_full.arrive();
      }
      return;
    }
    // Indices only grow: the search resumes where the last one ended.
    for (;;) {
      const int candidate = segment_index + 1 + lane;
      const bool begun = candidate < num_segments && schedule.segments[candidate].first_work <= index;
      const int steps = __popc(__ballot_sync(0xffffffffu, begun));
      segment_index += steps;
      if (steps < 32) break;
    }
    const Segment segment = schedule.segments[segment_index];
    const SequenceEntry sequence = parameters.sequences[segment.sequence];
    const int row_heads = segment.num_heads * group;
    const int rest = index - segment.first_work;
    const int tile = (sequence.key_length + Traits::rows - 1) / Traits::rows - 1 - rest / row_heads;
    const int key_value_head = schedule.heads[segment.first_head + rest % row_heads / group];
    const int query_head = key_value_head * group + rest % group;
    const HeadEntry head = parameters.heads[segment.sequence * parameters.num_key_value_heads + key_value_head];

    TileWalk<Traits> walk(head, sequence, query_head, tile);
    const int first_row = sequence.query_start + tile * Traits::rows - sequence.offset();
    shared.query_free.wait(query_phase ^ 1);
    if (lane == 0) {
      ForwardQueryTile& query_tile = shared.query_tiles[query_phase];
      query_tile.first_row = first_row;
      query_tile.begin = max(0, sequence.offset() - tile * Traits::rows);
      query_tile.end = min(Traits::rows, sequence.key_length - tile * Traits::rows);
      query_tile.query_head = query_head;
      query_tile.first_position = tile * Traits::rows;
      query_tile.key_length = sequence.key_length;
      query_tile.done = 0;
      query_tile.empty = walk.empty();
      query_tile.sparse_empty = walk.sparse_empty();
      if constexpr (Traits::terms) {
        query_tile.has_threshold = head.type == PatternType::Threshold;
        query_tile.pattern = head;
        query_tile.tile_counts = sequence.tile_counts;
      }
      shared.query_full.arrive_and_expect(Traits::query_bytes);
      for (int bytes = 0; bytes < Traits::query_bytes; bytes += Traits::box_bytes) {
        ptx::copy_box(shared.queries + bytes, parameters.query, shared.query_full,
                      bytes / Traits::query_part_bytes * Traits::columns, query_head,
                      first_row + bytes % Traits::query_part_bytes / Traits::row_bytes);
      }
    }
    query_phase ^= 1;

    // V is copied one tile behind K: it is needed one step later.
    int values_slot = -1;
    const auto load_values = [&](uint32_t count, int slot) {
      const int stage = count % Traits::stages;
      if (lane == 0) {
        shared.values_free[stage].wait((count / Traits::stages & 1) ^ 1);
        shared.values_full[stage].arrive_and_expect(Traits::tile_bytes);
        for (int part = 0; part < Traits::parts; ++part) {
          ptx::copy_box(shared.values[stage] + part * Traits::part_bytes, parameters.values[sequence.maps],
                        shared.values_full[stage], part * Traits::columns, slot);
        }
      }
    };
    int flags = 0;
    for (int key_tile = walk.next(flags); key_tile >= 0; key_tile = walk.next(flags)) {
      const int slot = sequence.row(head.slot(key_tile * kTile));
      const int stage = loaded % Traits::stages;
      if (lane == 0) {
        shared.keys_free[stage].wait((loaded / Traits::stages & 1) ^ 1);
        shared.flags[stage] = flags;
        shared.keys_full[stage].arrive_and_expect(Traits::tile_bytes);
        for (int part = 0; part < Traits::parts; ++part) {
          ptx::copy_box(shared.keys[stage] + part * Traits::part_bytes, parameters.keys[sequence.maps],
                        shared.keys_full[stage], part * Traits::columns, slot);
        }
      }
      if (values_slot >= 0) load_values(loaded - 1, values_slot);
      values_slot = slot;
      ++loaded;
    }
    if (values_slot >= 0) load_values(loaded - 1, values_slot);
    __syncwarp();
  }
}

#endif

}  // namespace elastic
