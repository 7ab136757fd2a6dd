// Where the gradients of the Hopper backward go: straight to their tensors, or added to float32 sums in global memory.
#pragma once
#include "attention/backward/backward_tiles.cuh"
#include "attention/softmax/operands.cuh"
#include "core/elements/floats.cuh"
#include "ptx/global_sum.cuh"

namespace elastic {

#ifdef ELASTIC_HOPPER

/** Writes a pair of neighbouring numbers, or adds it to what is there. */
template <typename Out>
__device__ void store_pair(Out* place, float a, float b, bool accumulate) {
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

/** Writes dK or dV of 64 keys; `first` is the thread's row of the tensor, `end` the first row past the keys. */
template <int head_dim>
__device__ void store_gradient(const Matrix& target, const float (&gradient)[head_dim / 2], float scale, int first,
                                   int end, bool accumulate) {
  const auto write = [&](auto* elements) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      if (first + 8 * r >= end) continue;
      auto* row = elements + (first + 8 * r) * target.row_stride + threadIdx.x % 4 * 2;
#pragma unroll
      for (int j = 0; j < head_dim / 8; ++j) {
        store_pair(row + 8 * j, gradient[4 * j + 2 * r] * scale, gradient[4 * j + 2 * r + 1] * scale, accumulate);
      }
    }
  };
  if (target.dtype == DType::F32) write(reinterpret_cast<float*>(target.data));
  else if (target.dtype == DType::BF16) write(reinterpret_cast<__nv_bfloat16*>(target.data));
  else write(reinterpret_cast<__half*>(target.data));
}

/**
 * A warp group adds its accumulators to sums in global memory, four a thread and 512 together. With an order counter
 * (deterministic mode) it first waits until the counter is `turn`, and raises it by one afterwards.
 */
template <int count>
__device__ void add_ordered(float* sums, const float (&accumulators)[count], int32_t* order, int turn) {
  const int thread = threadIdx.x % 128, barrier = 2 + threadIdx.x / 128;
  if (order != nullptr) {
    if (thread == 0) {
      while (ptx::load_acquire(order) != turn) {
      }
    }
    ptx::named_barrier_sync(barrier, 128);
  }
#pragma unroll
  for (int i = 0; i < count / 4; ++i) {
    ptx::add_four(sums + i * 512 + thread * 4, accumulators[4 * i], accumulators[4 * i + 1], accumulators[4 * i + 2],
                  accumulators[4 * i + 3]);
  }
  if (order != nullptr) {
    __threadfence();
    ptx::named_barrier_sync(barrier, 128);
    if (thread == 0) ptx::store_release(order, turn + 1);
  }
}

/** Leaves a warp group's part of a tile of dQ to the warp that adds it up: eight columns of 64 rows lie together. */
template <typename Traits>
__device__ __forceinline__ void store_dq(BackwardShared<Traits>& shared, const float (&dQ)[32], int consumer,
                                         uint32_t phase) {
  constexpr int skipped = Traits::splits_rows ? 0 : (Traits::split_column - Traits::second_column) / 2;
  const int thread = threadIdx.x % 128;
  shared.query_gradient_free[consumer].wait(phase ^ 1);
  float4* place = reinterpret_cast<float4*>(shared.query_gradient + consumer * Traits::second_part) + thread;
  if (skipped == 0 || consumer == 0) {
#pragma unroll
    for (int i = 0; i < 8; ++i) place[i * 128] = float4{dQ[4 * i], dQ[4 * i + 1], dQ[4 * i + 2], dQ[4 * i + 3]};
  } else {
#pragma unroll
    for (int i = skipped / 4; i < 8; ++i) {
      place[(i - skipped / 4) * 128] = float4{dQ[4 * i], dQ[4 * i + 1], dQ[4 * i + 2], dQ[4 * i + 3]};
    }
  }
  ptx::fence_shared_for_async();
  __syncwarp();
  if (thread % 32 == 0) shared.query_gradient_full[consumer].arrive();
}

/** Tells the warp that adds up dQ that a warp group has no more of it. */
template <typename Traits>
__device__ void end_query_gradients(BackwardShared<Traits>& shared, int consumer, uint32_t count) {
  shared.query_gradient_free[consumer].wait((count & 1) ^ 1);
  if (threadIdx.x % 128 == 0) shared.query_gradients[consumer][count % 4].index = -1;
  __syncwarp();
  if (threadIdx.x % 32 == 0) shared.query_gradient_full[consumer].arrive();
}

/** Runs in one thread for each warp group: adds its tiles of dQ to their sums in global memory, in turns if there is an order. */
template <typename Traits>
__device__ void add_query_gradients(const BackwardParameters& parameters, BackwardShared<Traits>& shared, int consumer) {
  constexpr int numbers = Traits::rows * Traits::head_dim, first = Traits::second_part;
  const uint32_t bytes = (consumer == 0 ? first : numbers - first) * sizeof(float);
  for (uint32_t count = 0;; ++count) {
    shared.query_gradient_full[consumer].wait(count & 1);
    const BackwardQueryGradient tile = shared.query_gradients[consumer][count % 4];
    if (tile.index < 0) break;
    int32_t* order = parameters.query_order;
    if (order != nullptr) {
      order += 2 * tile.index + consumer;
      while (ptx::load_acquire(order) != tile.expected) {
      }
      ptx::fence_for_async();
    }
    ptx::add_bytes(parameters.query_sums + int64_t{tile.index} * numbers + consumer * first,
                   shared.query_gradient + consumer * first, bytes);
    ptx::wait_until_read();
    shared.query_gradient_free[consumer].arrive();
    if (order != nullptr) {
      ptx::wait_until_added();
      ptx::fence_for_async();
      ptx::store_release(order, tile.next);
    }
  }
  ptx::wait_until_added();
}

#endif

}  // namespace elastic
