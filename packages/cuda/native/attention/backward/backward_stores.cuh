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
 * A warp group adds its accumulators `first` to `end` to sums in global memory, four a thread and 512 together. With an
 * order counter (deterministic mode) it first waits until the counter is `expected`, and sets it to `next` afterwards.
 */
template <int first, int end, int count>
__device__ void add_ordered(float* sums, const float (&accumulators)[count], int32_t* order, int expected, int next) {
  const int thread = threadIdx.x % 128, barrier = 2 + threadIdx.x / 128;
  if (order != nullptr) {
    if (thread == 0) {
      while (ptx::load_acquire(order) != expected) {
      }
    }
    ptx::named_barrier_sync(barrier, 128);
  }
#pragma unroll
  for (int i = first / 4; i < end / 4; ++i) {
    ptx::add_four(sums + i * 512 + thread * 4, accumulators[4 * i], accumulators[4 * i + 1], accumulators[4 * i + 2],
                  accumulators[4 * i + 3]);
  }
  if (order != nullptr) {
    __threadfence();
    ptx::named_barrier_sync(barrier, 128);
    if (thread == 0) ptx::store_release(order, next);
  }
}

/** Adds a warp group's columns of dQ to the sums of the query tile: eight columns of all rows lie together. */
template <typename Traits>
__device__ void add_dq(const BackwardParameters& parameters, const float (&dQ)[32], const BackwardQueryTile& tile, int key_tile,
                       int consumer) {
  constexpr int second = Traits::second_column, split = Traits::split_column;
  float* sums = parameters.query_sums + int64_t{tile.index} * (Traits::rows * Traits::head_dim);
  int32_t* order = parameters.query_order == nullptr ? nullptr : parameters.query_order + 2 * tile.index + consumer;
  if constexpr (second == split) {
    add_ordered<0, 32>(sums + consumer * second * 64, dQ, order, tile.previous_key_tile + 1, key_tile + 1);
  } else if (consumer == 0) {
    add_ordered<0, split / 2>(sums, dQ, order, tile.previous_key_tile + 1, key_tile + 1);
  } else {
    add_ordered<(split - second) / 2, 32>(sums + second * 64, dQ, order, tile.previous_key_tile + 1, key_tile + 1);
  }
}

#endif

}  // namespace elastic
