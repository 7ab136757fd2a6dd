// The Hopper kernel: one warp moves tiles, two warp groups of 64 query rows each multiply and take turns at softmax.
#pragma once
#include "attention/forward_sm90.h"
#include "attention/key_tiles.cuh"
#include "attention/softmax_rows.cuh"
#include "ptx/tensor_copy.cuh"
#include "ptx/warp_group_matrix.cuh"

namespace elastic {

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define ELASTIC_HOPPER 1
#endif

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
  static constexpr int stages = head_dim == 128 ? 2 : head_dim == 96 ? 3 : 4;
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
  WorkTile work;
};

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
        shared.work.done = 1;
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
      WorkTile& work = shared.work;
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

/** Tells the compiler that all lanes hold the same value, so that a branch on it does not split the warp. */
__device__ inline int uniform(int value) { return __shfl_sync(0xffffffffu, value, 0); }

/** Scores of 64 query rows and a tile of keys: issued, not waited for. */
template <typename Traits>
__device__ void issue_scores(float (&scores)[kTile / 2], uint64_t query, uint64_t keys) {
  using Product = ptx::MatrixProduct<typename Traits::Element, kTile>;
#pragma unroll
  for (int part = 0; part < Traits::parts; ++part) {
#pragma unroll
    for (int step = 0; step < Traits::columns / 16; ++step) {
      const int bytes = part * Traits::part_bytes + step * 32;
      Product::shared(scores, ptx::advance(query, bytes), ptx::advance(keys, bytes), part + step > 0);
    }
  }
}

/** Adds probabilities times values to the output rows: issued, not waited for. */
template <typename Traits>
__device__ void issue_values(float (&output)[Traits::head_dim / 2], const uint32_t (&probabilities)[kTile / 16][4],
                             uint64_t values) {
  using Product = ptx::MatrixProduct<typename Traits::Element, Traits::head_dim>;
#pragma unroll
  for (int step = 0; step < kTile / 16; ++step) {
    Product::template registers<1>(output, probabilities[step], ptx::advance(values, step * 16 * Traits::row_bytes), 1);
  }
}

/** Runs in a warp group: attention of 64 rows of each tile of work. */
template <typename Traits>
__device__ void consume(const ForwardParameters& parameters, ForwardShared<Traits>& shared) {
  using Element = typename Traits::Element;
  constexpr int turn = 1, zeroed = 3;  // Ids of named barriers; one `turn` for each warp group.
  const int consumer = threadIdx.x / 128 - 1;
  const int lane = threadIdx.x % 32;
  const int thread_row = consumer * 64 + threadIdx.x % 128 / 32 * 16 + lane / 4;
  const uint64_t query = ptx::matrix_descriptor<Traits::swizzle>(
      shared.query + consumer * 64 * Traits::row_bytes, 0, 8 * Traits::row_bytes);
  uint64_t keys = ptx::matrix_descriptor<Traits::swizzle>(shared.keys[0], 0, 8 * Traits::row_bytes);
  uint64_t values = ptx::matrix_descriptor<Traits::swizzle>(shared.values[0], Traits::part_bytes, 8 * Traits::row_bytes);
  const auto release = [&](ptx::Barrier& barrier) {
    if (lane == 0) barrier.arrive();
  };
  // One lane arrives for its warp, whose reads of `work` must be behind it.
  const auto release_query = [&] {
    __syncwarp();
    release(shared.query_free);
  };
  if (consumer == 1) ptx::named_barrier_arrive(turn, 256);

  float scores[kTile / 2];
  float output[Traits::head_dim / 2];
  uint32_t probabilities[kTile / 16][4];
  uint32_t stage = 0, phase = 0;
  uint32_t query_phase = 0;
  for (;;) {
    shared.query_full.wait(query_phase);
    query_phase ^= 1;
    const WorkTile work = shared.work;
    if (uniform(work.done)) return;
    OutputTile<Element> target{static_cast<Element*>(parameters.output), parameters.output_stride,
                               parameters.log_sum_exp, parameters.num_query_heads, work.query_head, work.first_row,
                               work.begin, work.end, thread_row};
    OutputTile<Element> sparse_target = target;
    sparse_target.output = static_cast<Element*>(parameters.sparse_output);
    sparse_target.log_sum_exp = parameters.sparse_log_sum_exp;
    if (Traits::dual && work.sparse_empty) sparse_target.template store_nothing<Traits::head_dim>();
    if (uniform(work.empty)) {
      target.template store_nothing<Traits::head_dim>();
      release_query();
      continue;
    }
#pragma unroll
    for (float& value : output) value = 0;
    SoftmaxRows rows(parameters.scale_log2);

    const auto hide_future = [&](uint32_t tile_stage, uint32_t tile_phase) {
      mask_diagonal(scores, thread_row, lane);
      if (work.diagonal_keys == kTile) return;
      // Rows past the last key may hold anything, NaN too, and zero times NaN is NaN.
      shared.values_full[tile_stage].wait(tile_phase);
      for (int part = 0; part < Traits::parts; ++part) {
        auto* first = reinterpret_cast<uint4*>(shared.values[tile_stage] + part * Traits::part_bytes +
                                               work.diagonal_keys * Traits::row_bytes);
        const int count = (kTile - work.diagonal_keys) * Traits::row_bytes / 16;
        for (int i = threadIdx.x - 128; i < count; i += 256) first[i] = uint4{0, 0, 0, 0};
      }
      ptx::fence_shared_for_async();
      ptx::named_barrier_sync(zeroed, 256);
    };
    shared.keys_full[stage].wait(phase);
    int flags = uniform(shared.flags[stage]);
    ptx::keep_in_place(scores);
    ptx::matrix_fence();
    issue_scores<Traits>(scores, query, ptx::advance(keys, stage * Traits::tile_bytes));
    ptx::matrix_commit();
    ptx::matrix_wait<0>();
    ptx::keep_in_place(scores);
    release(shared.keys_free[stage]);
    if (flags & kLast) release_query();
    if (flags & kDiagonal) hide_future(stage, phase);
    rows.template begin(scores);
    pack_probabilities<Element>(probabilities, scores);

    while (!(flags & kLast)) {
      const uint32_t value_stage = stage, value_phase = phase;
      if (++stage == Traits::stages) {
        stage = 0;
        phase ^= 1;
      }
      shared.keys_full[stage].wait(phase);
      const int next_flags = uniform(shared.flags[stage]);
      ptx::named_barrier_sync(turn + consumer, 256);
      ptx::keep_in_place(scores);
      ptx::keep_in_place(output);
      ptx::keep_in_place(probabilities);
      ptx::matrix_fence();
      issue_scores<Traits>(scores, query, ptx::advance(keys, stage * Traits::tile_bytes));
      ptx::matrix_commit();
      shared.values_full[value_stage].wait(value_phase);
      ptx::matrix_fence();
      issue_values<Traits>(output, probabilities, ptx::advance(values, value_stage * Traits::tile_bytes));
      ptx::matrix_commit();
      ptx::named_barrier_arrive(turn + 1 - consumer, 256);
      ptx::matrix_wait<1>();
      ptx::keep_in_place(scores);
      release(shared.keys_free[stage]);
      if (next_flags & kLast) release_query();
      if (Traits::dual && (flags & kSnapshot)) {
        ptx::matrix_wait<0>();
        ptx::keep_in_place(output);
        sparse_target.template store<Traits::head_dim>(output, rows);
      }
      // The diagonal comes first, or among the tiles that a selection of blocks left out.
      if (Traits::dual && (next_flags & kDiagonal)) hide_future(stage, phase);
      float rescale[2];
      rows.advance(scores, rescale);
      ptx::matrix_wait<0>();
      ptx::keep_in_place(output);
      release(shared.values_free[value_stage]);
      // The maximum of a row soon stops growing.
      if (__any_sync(0xffffffffu, rescale[0] != 1.0f || rescale[1] != 1.0f)) {
#pragma unroll
        for (int i = 0; i < Traits::head_dim / 2; ++i) output[i] *= rescale[i / 2 % 2];
      }
      pack_probabilities<Element>(probabilities, scores);
      flags = next_flags;
    }

    shared.values_full[stage].wait(phase);
    ptx::keep_in_place(output);
    ptx::keep_in_place(probabilities);
    ptx::matrix_fence();
    issue_values<Traits>(output, probabilities, ptx::advance(values, stage * Traits::tile_bytes));
    ptx::matrix_commit();
    ptx::matrix_wait<0>();
    ptx::keep_in_place(output);
    release(shared.values_free[stage]);
    if (++stage == Traits::stages) {
      stage = 0;
      phase ^= 1;
    }
    target.template store<Traits::head_dim>(output, rows);
    if (Traits::dual && (flags & kSnapshot)) sparse_target.template store<Traits::head_dim>(output, rows);
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
    for (int stage = 0; stage < Traits::stages; ++stage) {
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
    consume<Traits>(parameters, shared);
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
