// The two matrix products of the Hopper forward, issued and committed but not waited for.
#pragma once
#include "attention/forward/forward_tiles.cuh"
#include "ptx/uniform_matrix.cuh"

namespace elastic {

#ifdef ELASTIC_HOPPER

template <typename Traits>
using SharedTile = ptx::UniformMatrix<Traits::swizzle>;

/** S = QKᵀ of 64 queries and a tile of keys. */
template <typename Traits>
__device__ __forceinline__ void multiply_qk(float (&S)[kTile / 2], SharedTile<Traits> Q, SharedTile<Traits> K) {
  using Product = ptx::MatrixProduct<typename Traits::Element, kTile>;
  ptx::keep_in_place(S);
  ptx::matrix_fence();
#pragma unroll
  for (int part = 0; part < Traits::parts; ++part) {
#pragma unroll
    for (int step = 0; step < Traits::columns / 16; ++step) {
      const int bytes = step * 32;
      Product::shared(S, Q.at(part * Traits::query_part_bytes + bytes), K.at(part * Traits::part_bytes + bytes), part + step > 0);
    }
  }
  ptx::matrix_commit();
}

/** O += PV of 64 queries and a tile of values. */
template <typename Traits>
__device__ __forceinline__ void multiply_pv(float (&O)[Traits::head_dim / 2], uint32_t (&P)[kTile / 16][4], SharedTile<Traits> V) {
  using Product = ptx::MatrixProduct<typename Traits::Element, Traits::head_dim>;
  ptx::keep_in_place(O);
  ptx::keep_in_place(P);
  ptx::matrix_fence();
#pragma unroll
  for (int step = 0; step < kTile / 16; ++step) {
    Product::template registers<1>(O, P[step], V.at(step * 16 * Traits::row_bytes), 1);
  }
  ptx::matrix_commit();
}

#endif

}  // namespace elastic
