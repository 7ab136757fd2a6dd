// The Hopper backward: a thread block holds 128 keys and their gradients and walks the query tiles that see them. One warp
// moves tiles; each of two warp groups has 64 keys. Scores and their gradients are transposed, [keys, queries], so that
// probabilities go from registers straight into the gradients of values and keys; the gradient of the scores also goes
// through shared memory, where the gradient of the queries is made from the keys of both warp groups.
#pragma once
#include "attention/backward_tiles.cuh"
#include "attention/softmax_rows.cuh"
#include "ptx/global_sum.cuh"
#include "ptx/shared_matrix.cuh"

namespace elastic {

#ifdef ELASTIC_HOPPER

/** [64 keys, rows] = a tile of keys times a tile of queries, or values and output gradients: issued, not waited for. */
template <typename Traits>
__device__ void issue_transposed_scores(float (&scores)[Traits::rows / 2], uint64_t keys, uint64_t queries) {
  using Product = ptx::MatrixProduct<typename Traits::Element, Traits::rows>;
#pragma unroll
  for (int part = 0; part < Traits::parts; ++part) {
#pragma unroll
    for (int step = 0; step < Traits::columns / 16; ++step) {
      Product::shared(scores, ptx::advance(keys, part * Traits::key_part_bytes + step * 32),
                      ptx::advance(queries, part * Traits::query_part_bytes + step * 32), part + step > 0);
    }
  }
}

/** Adds probabilities, [64 keys, rows], times output gradients to the gradient of the values: issued, not waited for. */
template <typename Traits>
__device__ void issue_value_gradient(float (&gradient)[Traits::head_dim / 2],
                                     const uint32_t (&probabilities)[Traits::rows / 16][4], uint64_t output_gradients,
                                     int accumulate) {
  using Product = ptx::MatrixProduct<typename Traits::Element, Traits::head_dim>;
#pragma unroll
  for (int step = 0; step < Traits::rows / 16; ++step) {
    Product::template registers<1>(gradient, probabilities[step],
                                   ptx::advance(output_gradients, step * 16 * Traits::row_bytes), accumulate | (step > 0));
  }
}

/** Adds gradients of the scores, [64 keys, rows] in shared memory, times queries: issued, not waited for. */
template <typename Traits>
__device__ void issue_key_gradient(float (&gradient)[Traits::head_dim / 2], uint64_t score_gradients, uint64_t queries,
                                   int accumulate) {
  using Product = ptx::MatrixProduct<typename Traits::Element, Traits::head_dim>;
#pragma unroll
  for (int step = 0; step < Traits::rows / 16; ++step) {
    Product::template shared<0, 1>(
        gradient, ptx::advance(score_gradients, step * 32),
        ptx::advance(queries, step * 16 * Traits::row_bytes), accumulate | (step > 0));
  }
}

/** [64 queries, 64 columns] of the gradient of the queries, over all keys of the tile: issued, not waited for. */
template <typename Traits>
__device__ void issue_query_gradient(float (&gradient)[32], uint64_t score_gradients, uint64_t keys) {
  using Product = ptx::MatrixProduct<typename Traits::Element, Traits::gradient_columns>;
#pragma unroll
  for (int step = 0; step < kTile / 16; ++step) {
    Product::template shared<1, 1>(gradient, ptx::advance(score_gradients, step * 16 * 128),
                                   ptx::advance(keys, step * 16 * Traits::row_bytes), step > 0);
  }
}

/** Writes a pair of neighbouring numbers, or adds it to what is there. */
template <typename Out>
__device__ void put_pair(Out* place, float a, float b, bool accumulate) {
  if (accumulate) {
    a += to_float(place[0]);
    b += to_float(place[1]);
  }
  if constexpr (sizeof(Out) == 2) {
    *reinterpret_cast<uint32_t*>(place) = pack_pair<Out>(a, b);
  } else {
    *reinterpret_cast<float2*>(place) = float2{a, b};
  }
}

/** Writes the gradient of 64 keys or values; `first` is the thread's row of the tensor, `end` the first row past the keys. */
template <int head_dim>
__device__ void store_key_gradient(const Matrix& target, const float (&gradient)[head_dim / 2], float scale, int first,
                                   int end, bool accumulate) {
  const auto write = [&](auto* elements) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      if (first + 8 * r >= end) continue;
      auto* row = elements + (first + 8 * r) * target.row_stride + threadIdx.x % 4 * 2;
#pragma unroll
      for (int j = 0; j < head_dim / 8; ++j) {
        put_pair(row + 8 * j, gradient[4 * j + 2 * r] * scale, gradient[4 * j + 2 * r + 1] * scale, accumulate);
      }
    }
  };
  if (target.dtype == DType::F32) write(reinterpret_cast<float*>(target.data));
  else if (target.dtype == DType::BF16) write(reinterpret_cast<__nv_bfloat16*>(target.data));
  else write(reinterpret_cast<__half*>(target.data));
}

/**
 * A warp group adds its numbers `first` to `end`, four a thread and 512 together. Where the order matters it waits until
 * `turn` is `expected`, and sets it to `next`.
 */
template <int first, int end, int count>
__device__ void add_in_turn(float* sums, const float (&numbers)[count], int32_t* turn, int expected, int next) {
  const int thread = threadIdx.x % 128, barrier = 2 + threadIdx.x / 128;
  if (turn != nullptr) {
    if (thread == 0) {
      while (ptx::load_acquire(turn) != expected) {
      }
    }
    ptx::named_barrier_sync(barrier, 128);
  }
#pragma unroll
  for (int i = first / 4; i < end / 4; ++i) {
    ptx::add_four(sums + i * 512 + thread * 4, numbers[4 * i], numbers[4 * i + 1], numbers[4 * i + 2], numbers[4 * i + 3]);
  }
  if (turn != nullptr) {
    __threadfence();
    ptx::named_barrier_sync(barrier, 128);
    if (thread == 0) ptx::store_release(turn, next);
  }
}

/** Adds a warp group's columns to the query gradient of a tile: eight columns of all rows lie together. */
template <typename Traits>
__device__ void add_query_gradient(const BackwardParameters& parameters, const float (&gradient)[32],
                                   const QueryTileNote& note, int key_tile, int consumer) {
  constexpr int second = Traits::second_column, split = Traits::split_column;
  float* sums = parameters.query_gradient + int64_t{note.index} * (Traits::rows * Traits::head_dim);
  int32_t* turn = parameters.turns == nullptr ? nullptr : parameters.turns + 2 * note.index + consumer;
  if constexpr (second == split) {
    add_in_turn<0, 32>(sums + consumer * second * 64, gradient, turn, note.previous + 1, key_tile + 1);
  } else if (consumer == 0) {
    add_in_turn<0, split / 2>(sums, gradient, turn, note.previous + 1, key_tile + 1);
  } else {
    add_in_turn<(split - second) / 2, 32>(sums + second * 64, gradient, turn, note.previous + 1, key_tile + 1);
  }
}

/** Runs in a warp group: gradients of 64 keys and values, and half of the query gradient of every tile. */
template <typename Traits>
__device__ void consume_backward(const BackwardParameters& parameters, BackwardShared<Traits>& shared) {
  using Element = typename Traits::Element;
  constexpr int rows = Traits::rows;
  constexpr int exchanged = 1, cleared = 2;  // Ids of named barriers.
  const int consumer = uniform_value(threadIdx.x / 128) - 1;
  const int thread = threadIdx.x % 128, lane = threadIdx.x % 32;
  const int thread_key = consumer * 64 + thread / 32 * 16 + lane / 4;
  const auto tile_rows = [](const void* tile) {
    return ptx::matrix_descriptor<Traits::swizzle>(tile, Traits::query_part_bytes, 8 * Traits::row_bytes);
  };
  const uint64_t keys = ptx::matrix_descriptor<Traits::swizzle>(shared.keys + consumer * 64 * Traits::row_bytes, 0,
                                                                8 * Traits::row_bytes);
  const uint64_t values = ptx::matrix_descriptor<Traits::swizzle>(shared.values + consumer * 64 * Traits::row_bytes, 0,
                                                                  8 * Traits::row_bytes);
  const uint64_t key_columns = ptx::matrix_descriptor<Traits::swizzle>(
      shared.keys + consumer * Traits::second_column / Traits::columns * Traits::key_part_bytes, Traits::key_part_bytes,
      8 * Traits::row_bytes);
  const uint64_t queries = tile_rows(shared.queries[0]);
  const uint64_t output_gradients = tile_rows(shared.output_gradients[0]);
  // The same gradients of scores, as columns of queries for the query gradient and as rows of keys for the key gradient.
  const uint64_t score_columns = ptx::matrix_descriptor<ptx::Swizzle::Bytes128>(shared.score_gradients[0], 0, 8 * 128);
  const uint64_t score_rows =
      ptx::matrix_descriptor<ptx::Swizzle::Bytes128>(shared.score_gradients[0] + consumer * 64 * 128, 0, 8 * 128);
  // Where this lane's row of four 8 x 8 matrices goes; the place in the row depends on the step.
  const uint32_t score_row =
      ptx::shared_address(shared.score_gradients[0]) + (consumer * 64 + thread / 32 * 16 + lane / 8 % 2 * 8 + lane % 8) * 128;
  const uint32_t swizzle = lane % 8, second_half = lane / 16;
  const auto release = [&](ptx::Barrier& barrier) {
    if (lane == 0) barrier.arrive();
  };

  float key_gradient[Traits::head_dim / 2], value_gradient[Traits::head_dim / 2];
  float scores[rows / 2], weight_gradients[rows / 2], query_gradient[32];
  uint32_t probabilities[rows / 16][4];
  const float scale_log2 = parameters.scale * 1.44269504088896341f;
  uint32_t stage = 0, phase = 0, key_phase = 0, buffer = 0;
  for (;;) {
    shared.keys_full.wait(key_phase);
    key_phase ^= 1;
    const KeyTileNote work = shared.work;
    if (uniform_value(work.done)) return;
    const int first = work.slot + thread_key, end = work.slot + work.end;
    const BackwardSequence& gradients = parameters.gradients[work.sequence];
    const auto store = [&] {
      if (uniform_value(work.sums) < 0) {
        store_key_gradient<Traits::head_dim>(gradients.values, value_gradient, 1, first, end, parameters.accumulate);
        store_key_gradient<Traits::head_dim>(gradients.keys, key_gradient, parameters.scale, first, end,
                                             parameters.accumulate);
        return;
      }
      float* sums = parameters.key_sums + (int64_t{work.sums} * 4 + consumer) * (64 * Traits::head_dim);
      int32_t* turn = parameters.key_turns == nullptr ? nullptr : parameters.key_turns + 4 * work.sums + consumer;
      add_in_turn<0, Traits::head_dim / 2>(sums, value_gradient, turn, work.turn, work.turn + 1);
      add_in_turn<0, Traits::head_dim / 2>(sums + 128 * Traits::head_dim, key_gradient,
                                           turn == nullptr ? nullptr : turn + 2, work.turn, work.turn + 1);
    };
    if (uniform_value(work.empty)) {
      __syncwarp();
      release(shared.keys_free);
#pragma unroll
      for (int i = 0; i < Traits::head_dim / 2; ++i) key_gradient[i] = value_gradient[i] = 0;
      store();
      continue;
    }
    if (uniform_value(work.end) < kTile) {
      // Rows past the last key may hold anything, NaN too, and zero times NaN is NaN.
      for (int part = 0; part < Traits::parts; ++part) {
        const int offset = part * Traits::key_part_bytes + work.end * Traits::row_bytes;
        const int count = (kTile - work.end) * Traits::row_bytes / 16;
        for (int i = threadIdx.x - 128; i < count; i += 256) {
          reinterpret_cast<uint4*>(shared.keys + offset)[i] = uint4{0, 0, 0, 0};
          reinterpret_cast<uint4*>(shared.values + offset)[i] = uint4{0, 0, 0, 0};
        }
      }
      ptx::fence_shared_for_async();
      ptx::named_barrier_sync(cleared, 256);
    }
    // Query tiles of this item so far, and the stage of the one before.
    int done = 0;
    uint32_t before = stage;
    shared.query_full[stage].wait(phase);
    ptx::keep_in_place(scores);
    ptx::matrix_fence();
    issue_transposed_scores<Traits>(scores, keys, ptx::advance(queries, stage * Traits::query_bytes));
    ptx::matrix_commit();
    ptx::matrix_wait<0>();
    ptx::keep_in_place(scores);

    // One query tile, and the scores of the next one, unless this is the last. The key gradient comes one tile late, to
    // keep the tensor cores busy during the exponentials. Nothing stays under way from one tile to the next: the
    // assembler would then wait after every product.
    const auto step = [&](auto last) __attribute__((always_inline)) {
      const QueryTileNote note = shared.notes[stage];
      const uint64_t gradient_tile = ptx::advance(output_gradients, stage * Traits::query_bytes);
      const float4* terms = reinterpret_cast<const float4*>(shared.terms[stage]) + lane % 4;
      shared.gradient_full[stage].wait(phase);
      ptx::keep_in_place(weight_gradients);
      ptx::keep_in_place(key_gradient);
      ptx::matrix_fence();
      issue_transposed_scores<Traits>(weight_gradients, values, gradient_tile);
      ptx::matrix_commit();
      // On the first tile this product means nothing, and the next one overwrites it.
      issue_key_gradient<Traits>(key_gradient, ptx::advance(score_rows, (buffer ^ 1) * Traits::score_bytes),
                                 ptx::advance(queries, before * Traits::query_bytes), done > 1);
      ptx::matrix_commit();
#pragma unroll
      for (int i = 0; i < rows / 16; ++i) {
        const float4 shift = terms[4 * i];
#pragma unroll
        for (int j = 0; j < 8; ++j) {
          const float less = j / 4 == 0 ? (j % 2 == 0 ? shift.x : shift.y) : (j % 2 == 0 ? shift.z : shift.w);
          scores[8 * i + j] = exp2_fast(fmaf(scores[8 * i + j], scale_log2, -less));
        }
      }
      if (uniform_value(note.distance) < kTile) {
#pragma unroll
        for (int i = 0; i < rows / 2; ++i) {
          const int query = note.distance + i / 4 * 8 + lane % 4 * 2 + i % 2;
          if (thread_key + i / 2 % 2 * 8 > query) scores[i] = 0;
        }
      }
      pack_probabilities<Element>(probabilities, scores);
      ptx::keep_in_place(probabilities);
      ptx::keep_in_place(value_gradient);
      ptx::matrix_fence();
      issue_value_gradient<Traits>(value_gradient, probabilities, gradient_tile, done > 0);
      ptx::matrix_commit();

      ptx::matrix_wait<2>();
      ptx::keep_in_place(weight_gradients);
      const uint32_t row = score_row + buffer * Traits::score_bytes;
#pragma unroll
      for (int i = 0; i < rows / 16; ++i) {
        const float4 sum = terms[rows / 4 + 4 * i];
        uint32_t packed[4];
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          const int k = 8 * i + 2 * j;
          packed[j] = pack_pair<Element>(scores[k] * (weight_gradients[k] - (j / 2 == 0 ? sum.x : sum.z)),
                                         scores[k + 1] * (weight_gradients[k + 1] - (j / 2 == 0 ? sum.y : sum.w)));
        }
        const uint32_t place = (i * 2 + second_half) ^ swizzle;
        ptx::store_matrices(row + place * 16, packed);
      }
      ptx::fence_shared_for_async();
      ptx::named_barrier_sync(exchanged, 256);
      ptx::matrix_wait<1>();
      ptx::keep_in_place(key_gradient);
      if (done > 0) release(shared.tile_free[before]);
      ptx::keep_in_place(query_gradient);
      ptx::matrix_fence();
      issue_query_gradient<Traits>(query_gradient, ptx::advance(score_columns, buffer * Traits::score_bytes), key_columns);
      ptx::matrix_commit();
      ++done;
      buffer ^= 1;
      before = stage;
      if (++stage == Traits::stages) {
        stage = 0;
        phase ^= 1;
      }
      if constexpr (!last.value) {
        shared.query_full[stage].wait(phase);
        ptx::keep_in_place(scores);
        ptx::matrix_fence();
        issue_transposed_scores<Traits>(scores, keys, ptx::advance(queries, stage * Traits::query_bytes));
        ptx::matrix_commit();
        ptx::matrix_wait<1>();
      } else {
        ptx::keep_in_place(key_gradient);
        ptx::matrix_fence();
        issue_key_gradient<Traits>(key_gradient, ptx::advance(score_rows, (buffer ^ 1) * Traits::score_bytes),
                                   ptx::advance(queries, before * Traits::query_bytes), done > 1);
        ptx::matrix_commit();
        ptx::matrix_wait<1>();
      }
      ptx::keep_in_place(query_gradient);
      ptx::keep_in_place(value_gradient);
      add_query_gradient<Traits>(parameters, query_gradient, note, work.key_tile, consumer);
      ptx::matrix_wait<0>();
      if constexpr (last.value) {
        ptx::keep_in_place(key_gradient);
        release(shared.tile_free[before]);
      } else {
        ptx::keep_in_place(scores);
      }
    };
    while (!uniform_value(shared.notes[stage].last)) step(std::false_type{});
    step(std::true_type{});
    release(shared.keys_free);
    store();
  }
}

#endif

template <typename Traits>
__global__ void __launch_bounds__(Traits::threads, 1)
    attention_backward(const __grid_constant__ BackwardParameters parameters) {
#ifdef ELASTIC_HOPPER
  extern __shared__ uint8_t memory[];
  // An offset, not an address that is rounded up: the compiler is to see that it is shared memory.
  auto& shared = *reinterpret_cast<BackwardShared<Traits>*>(memory + (-ptx::shared_address(memory) & 1023));
  if (threadIdx.x == 0) {
    constexpr int consumer_warps = 4 * Traits::consumers;
    shared.keys_full.initialize(1);
    shared.keys_free.initialize(consumer_warps);
    for (int stage = 0; stage < Traits::stages; ++stage) {
      shared.query_full[stage].initialize(1);
      shared.gradient_full[stage].initialize(1);
      shared.tile_free[stage].initialize(consumer_warps);
    }
    ptx::fence_barrier_initialization();
  }
  __syncthreads();
  if (threadIdx.x < 128) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 24;");
    if (threadIdx.x < 32) produce_backward<Traits>(parameters, shared);
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 240;");
    consume_backward<Traits>(parameters, shared);
  }
#endif
}

template <typename Element, int head_dim>
cudaError_t launch_backward(const BackwardParameters& parameters, int multiprocessors, cudaStream_t stream) {
  using Traits = BackwardTraits<Element, head_dim>;
  constexpr int bytes = sizeof(BackwardShared<Traits>) + 1024;
  const cudaError_t status =
      cudaFuncSetAttribute(attention_backward<Traits>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if (status != cudaSuccess) return status;
  attention_backward<Traits><<<multiprocessors, Traits::threads, bytes, stream>>>(parameters);
  return cudaGetLastError();
}

}  // namespace elastic
