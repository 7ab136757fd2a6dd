// The five matrix products of the Hopper backward, issued but not waited for: Sᵀ = K·Qᵀ and dPᵀ = V·dOᵀ, dV += Pᵀ·dO,
// dK += dSᵀ·Q and dQ = dS·K. Rows are those of the key tile, 64 for each warp group, except in dQ.
#pragma once
#include "attention/backward/backward_tiles.cuh"

namespace elastic {

#ifdef ELASTIC_HOPPER

/** The descriptor of the same matrix `bytes` further on; its upper half stays a constant. */
__device__ __forceinline__ uint64_t operand_at(uint64_t descriptor, uint32_t bytes) {
  return (descriptor & 0xFFFFFFFF00000000) | (static_cast<uint32_t>(descriptor) + (bytes >> 4));
}

/** Sᵀ [64 keys, query rows] = K·Qᵀ, or dPᵀ = V·dOᵀ. */
template <typename Traits>
__device__ void issue_scores(float (&S)[Traits::rows / 2], uint64_t K, uint64_t Q) {
  using Product = ptx::MatrixProduct<typename Traits::Element, Traits::rows>;
#pragma unroll
  for (int part = 0; part < Traits::parts; ++part) {
#pragma unroll
    for (int step = 0; step < Traits::columns / 16; ++step) {
      Product::shared(S, operand_at(K, part * Traits::key_part_bytes + step * 32),
                      operand_at(Q, part * Traits::query_part_bytes + step * 32), part + step > 0);
    }
  }
}

/** dV [64 keys, head_dim] += Pᵀ·dO, or dK += dSᵀ·Q, with P or dS in registers. */
template <typename Traits>
__device__ void issue_gradient(float (&gradient)[Traits::head_dim / 2], const uint32_t (&left)[Traits::rows / 16][4],
                               uint64_t right) {
  using Product = ptx::MatrixProduct<typename Traits::Element, Traits::head_dim>;
#pragma unroll
  for (int step = 0; step < Traits::rows / 16; ++step) {
    Product::template registers<1>(gradient, left[step], operand_at(right, step * 16 * Traits::row_bytes), 1);
  }
}

/** dQ [64 queries, 64 columns] = dS·K over all keys of the tile. */
template <typename Traits>
__device__ void issue_dq(float (&dQ)[32], uint64_t dS, uint64_t K) {
  using Product = ptx::MatrixProduct<typename Traits::Element, 64>;
#pragma unroll
  for (int step = 0; step < kTile / 16; ++step) {
    Product::template shared<1, 1>(dQ, operand_at(dS, step * 16 * 128), operand_at(K, step * 16 * Traits::row_bytes),
                                   step > 0);
  }
}

#endif

}  // namespace elastic
