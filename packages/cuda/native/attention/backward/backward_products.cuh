// The five matrix products of the Hopper backward, issued but not waited for: Sᵀ = K·Qᵀ and dPᵀ = V·dOᵀ, dV += Pᵀ·dO,
// dK += dSᵀ·Q and dQ = dS·K. Rows are those of the key tile, 64 for each warp group, except in dQ.
#pragma once
#include "attention/backward/backward_tiles.cuh"

namespace elastic {

#ifdef ELASTIC_HOPPER

/** Sᵀ [64 keys, query rows] = K·Qᵀ, or dPᵀ = V·dOᵀ. */
template <typename Traits>
__device__ void issue_scores(float (&S)[Traits::rows / 2], uint64_t K, uint64_t Q) {
  using Product = ptx::MatrixProduct<typename Traits::Element, Traits::rows>;
#pragma unroll
  for (int part = 0; part < Traits::parts; ++part) {
#pragma unroll
    for (int step = 0; step < Traits::columns / 16; ++step) {
      Product::shared(S, ptx::advance(K, part * Traits::key_part_bytes + step * 32),
                      ptx::advance(Q, part * Traits::query_part_bytes + step * 32), part + step > 0);
    }
  }
}

/** dV [64 keys, head_dim] += Pᵀ·dO, with P in registers. */
template <typename Traits>
__device__ void issue_dv(float (&dV)[Traits::head_dim / 2], const uint32_t (&P)[Traits::rows / 16][4], uint64_t dO,
                         int accumulate) {
  using Product = ptx::MatrixProduct<typename Traits::Element, Traits::head_dim>;
#pragma unroll
  for (int step = 0; step < Traits::rows / 16; ++step) {
    Product::template registers<1>(dV, P[step], ptx::advance(dO, step * 16 * Traits::row_bytes), accumulate | (step > 0));
  }
}

/** dK [64 keys, head_dim] += dSᵀ·Q, with dS in shared memory. */
template <typename Traits>
__device__ void issue_dk(float (&dK)[Traits::head_dim / 2], uint64_t dS, uint64_t Q, int accumulate) {
  using Product = ptx::MatrixProduct<typename Traits::Element, Traits::head_dim>;
#pragma unroll
  for (int step = 0; step < Traits::rows / 16; ++step) {
    Product::template shared<0, 1>(dK, ptx::advance(dS, step * 32), ptx::advance(Q, step * 16 * Traits::row_bytes),
                                   accumulate | (step > 0));
  }
}

/** dQ [64 queries, 64 columns] = dS·K over all keys of the tile. */
template <typename Traits>
__device__ void issue_dq(float (&dQ)[32], uint64_t dS, uint64_t K) {
  using Product = ptx::MatrixProduct<typename Traits::Element, Traits::gradient_columns>;
#pragma unroll
  for (int step = 0; step < kTile / 16; ++step) {
    Product::template shared<1, 1>(dQ, ptx::advance(dS, step * 16 * 128), ptx::advance(K, step * 16 * Traits::row_bytes),
                                   step > 0);
  }
}

#endif

}  // namespace elastic
