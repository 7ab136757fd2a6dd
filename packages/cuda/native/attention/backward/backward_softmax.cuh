// What the Hopper backward computes between its products: P from S and the log-sum-exp, and dS from P and dP.
#pragma once
#include <type_traits>

#include "attention/backward/backward_tiles.cuh"
#include "attention/softmax/operands.cuh"
#include "core/elements/floats.cuh"

namespace elastic {

#ifdef ELASTIC_HOPPER

/** P = exp(scale · S - LSE), in place; `row_terms` are those of the thread's columns (see `row_term_index`). */
template <typename Traits>
__device__ __forceinline__ void recompute_p(float (&S)[Traits::rows / 2], const float4* row_terms, float scale_log2) {
#pragma unroll
  for (int i = 0; i < Traits::rows / 16; ++i) {
    const float4 lse = row_terms[4 * i];
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      const float shift = j / 4 == 0 ? (j % 2 == 0 ? lse.x : lse.y) : (j % 2 == 0 ? lse.z : lse.w);
      S[8 * i + j] = exp2_fast(fmaf(S[8 * i + j], scale_log2, -shift));
    }
  }
}

/** Two numbers that were rounded to the element type; see `pack_pair`. */
template <typename Element>
__device__ __forceinline__ float2 unpack_pair(uint32_t pair) {
  if constexpr (std::is_same_v<Element, __nv_bfloat16>) {
    return {__uint_as_float(pair << 16), __uint_as_float(pair & 0xFFFF0000)};
  } else {
    return __half22float2(*reinterpret_cast<const __half2*>(&pair));
  }
}

/**
 * dS = P ∘ (dP - D) of 16 queries, the i-th of the tile, rounded to the element type. P is rounded already: there are no
 * registers for it in float32 beside the products that are under way.
 */
template <typename Traits>
__device__ __forceinline__ void pack_ds(uint32_t (&dS)[4], const uint32_t (&P)[4], const float (&dP)[Traits::rows / 2],
                                        const float4* row_terms, int i) {
  using Element = typename Traits::Element;
  const float4 D = row_terms[Traits::rows / 4 + 4 * i];
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    const int k = 8 * i + 2 * j;
    const float2 p = unpack_pair<Element>(P[j]);
    dS[j] = pack_pair<Element>(p.x * (dP[k] - (j / 2 == 0 ? D.x : D.z)), p.y * (dP[k + 1] - (j / 2 == 0 ? D.y : D.w)));
  }
}

#endif

}  // namespace elastic
