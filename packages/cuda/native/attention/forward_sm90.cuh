// The Hopper kernel: one warp moves tiles, two warp groups of 64 query rows each attend to them.
#pragma once
#include "attention/forward_consumer.cuh"
#include "attention/key_tiles.cuh"
#include "ptx/tensor_copy.cuh"

namespace elastic {

#ifdef ELASTIC_HOPPER

/** Runs in one warp: takes tiles of work and streams queries, keys and values into shared memory. */
template <typename Traits>
__device__ void produce(const ForwardParameters& parameters, ForwardShared<Traits>& shared) {
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
        shared.work[query_phase].done = 1;
        shared.query_full.arrive();
      }
      return;
    }
    // Work only goes up: the search goes on where the last one ended.
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
    const int tile = (sequence.key_length + kTile - 1) / kTile - 1 - rest / row_heads;
    const int key_value_head = schedule.heads[segment.first_head + rest % row_heads / group];
    const int query_head = key_value_head * group + rest % group;
    const HeadEntry head = parameters.heads[segment.sequence * parameters.num_key_value_heads + key_value_head];

    KeyTiles walk(head, sequence, query_head, tile, false);
    bool complement = false;
    int key_tile = walk.next();
    const bool sparse_empty = key_tile < 0;
    if (Traits::dual && key_tile < 0) {
      complement = true;
      walk = KeyTiles(head, sequence, query_head, tile, true);
      key_tile = walk.next();
    }
    const int first_row = sequence.query_start + tile * kTile - sequence.offset();
    shared.query_free.wait(query_phase ^ 1);
    if (lane == 0) {
      WorkTile& work = shared.work[query_phase];
      work.first_row = first_row;
      work.begin = max(0, sequence.offset() - tile * kTile);
      work.end = min(kTile, sequence.key_length - tile * kTile);
      work.query_head = query_head;
      work.diagonal_keys = work.end;
      work.done = 0;
      work.empty = key_tile < 0;
      work.sparse_empty = sparse_empty;
      shared.query_full.arrive_and_expect(Traits::tile_bytes);
      for (int part = 0; part < Traits::parts; ++part) {
        ptx::copy_box(shared.query + part * Traits::part_bytes, parameters.query, shared.query_full,
                      part * Traits::columns, query_head, first_row);
      }
    }
    query_phase ^= 1;

    // Values follow one tile behind the keys: they are needed one step later.
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
    while (key_tile >= 0) {
      int following = walk.next();
      int flags = key_tile == tile ? kDiagonal : 0;
      if (Traits::dual && following < 0 && !complement) {
        flags |= kSnapshot;
        complement = true;
        walk = KeyTiles(head, sequence, query_head, tile, true);
        following = walk.next();
      }
      if (following < 0) flags |= kLast;
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
      key_tile = following;
    }
    if (values_slot >= 0) load_values(loaded - 1, values_slot);
    __syncwarp();
  }
}

#endif

template <typename Traits>
__global__ void __launch_bounds__(Traits::threads, 1)
    attention_forward(const __grid_constant__ ForwardParameters parameters) {
#ifdef ELASTIC_HOPPER
  extern __shared__ uint8_t memory[];
  auto& shared = *reinterpret_cast<ForwardShared<Traits>*>((reinterpret_cast<uintptr_t>(memory) + 1023) & ~1023ull);
  if (threadIdx.x == 0) {
    constexpr int consumer_warps = 4 * Traits::consumers;
    shared.query_full.initialize(1);
    shared.query_free.initialize(consumer_warps);
    for (uint32_t stage = 0; stage < Traits::stages; ++stage) {
      shared.keys_full[stage].initialize(1);
      shared.keys_free[stage].initialize(consumer_warps);
      shared.values_full[stage].initialize(1);
      shared.values_free[stage].initialize(consumer_warps);
    }
    ptx::fence_barrier_initialization();
  }
  __syncthreads();
  if (threadIdx.x < 128) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 24;");
    if (threadIdx.x < 32) produce<Traits>(parameters, shared);
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 240;");
    ForwardConsumer<Traits>(parameters, shared).run();
  }
#endif
}

template <typename Traits>
cudaError_t launch_forward(const ForwardParameters& parameters, int multiprocessors, cudaStream_t stream) {
  constexpr int bytes = sizeof(ForwardShared<Traits>) + 1024;
  const cudaError_t status =
      cudaFuncSetAttribute(attention_forward<Traits>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if (status != cudaSuccess) return status;
  attention_forward<Traits><<<multiprocessors, Traits::threads, bytes, stream>>>(parameters);
  return cudaGetLastError();
}

}  // namespace elastic
