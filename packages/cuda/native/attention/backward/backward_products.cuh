// The five matrix products of the Hopper backward, issued but not waited for: Sᵀ = K·Qᵀ and dPᵀ = V·dOᵀ, dV += Pᵀ·dO,
// dK += dSᵀ·Q and dQ = dS·K. Rows are those of the key tile, 64 for each warp group, except in dQ.
#pragma once
#include "attention/backward/backward_tiles.cuh"
#include "ptx/uniform_matrix.cuh"

namespace elastic {

#ifdef ELASTIC_HOPPER

template <typename Traits>
using SharedTile = ptx::UniformMatrix<Traits::swizzle>;
using ScoreTile = ptx::UniformMatrix<ptx::Swizzle::Bytes128>;

/** Sᵀ [64 keys, query rows] = K·Qᵀ, or dPᵀ = V·dOᵀ. */
template <typename Traits>
__device__ void issue_scores(float (&S)[Traits::rows / 2], SharedTile<Traits> K, SharedTile<Traits> Q) {
  using Product = ptx::MatrixProduct<typename Traits::Element, Traits::rows>;
#pragma unroll
  for (int part = 0; part < Traits::parts; ++part) {
#pragma unroll
    for (int step = 0; step < Traits::columns / 16; ++step) {
      Product::shared(S, K.at(part * Traits::key_part_bytes + step * 32),
                      Q.at(part * Traits::query_part_bytes + step * 32), part + step > 0);
    }
  }
}

/** dV [64 keys, head_dim] += Pᵀ·dO, or dK += dSᵀ·Q, with P or dS in registers. */
template <typename Traits>
__device__ void issue_gradient(float (&gradient)[Traits::head_dim / 2], const uint32_t (&left)[Traits::rows / 16][4],
                               SharedTile<Traits> right) {
  using Product = ptx::MatrixProduct<typename Traits::Element, Traits::head_dim>;
#pragma unroll
  for (int step = 0; step < Traits::rows / 16; ++step) {
    Product::template registers<1>(gradient, left[step], right.at(step * 16 * Traits::row_bytes), 1);
  }
}

/** dQ [64 queries, 64 columns] = dS·K over all keys of the tile. */
template <typename Traits>
__device__ void issue_dq(float (&dQ)[32], ScoreTile dS, SharedTile<Traits> K) {
  using Product = ptx::MatrixProduct<typename Traits::Element, 64>;
#pragma unroll
  for (int step = 0; step < kTile / 16; ++step) {
    Product::template shared<1, 1>(dQ, dS.at(step * 16 * 128), K.at(step * 16 * Traits::row_bytes), step > 0);
  }
}

#endif

}  // namespace elastic
