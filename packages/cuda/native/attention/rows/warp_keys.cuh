// Sixteen keys against the 16 query rows of one warp on tensor cores: shared by the row kernel and the decode kernel.
// A lane holds rows lane / 4 and lane / 4 + 8; of S, columns 2 (lane % 4) + {0, 1} of each of two tiles of 8 keys.
#pragma once
#include "attention/softmax/operands.cuh"
#include "attention/softmax/quads.cuh"
#include "core/elements/floats.cuh"
#include "ptx/warp_matrix.cuh"

namespace elastic {

/** S += QKᵀ. A lane holds 16 bytes of each chunk of 32 elements of a key; Q has the same order of elements. */
template <typename Element, int key_chunks>
__device__ inline void multiply_qk(float (&S)[2][4], const uint32_t (&Q)[2 * key_chunks][4],
                                   const uint4 (&keys)[2][key_chunks]) {
#pragma unroll
  for (int chunk = 0; chunk < key_chunks; ++chunk) {
#pragma unroll
    for (int tile = 0; tile < 2; ++tile) {
      const uint4& line = keys[tile][chunk];
      ptx::multiply_accumulate<Element>(S[tile], Q[2 * chunk], line.x, line.y);
      ptx::multiply_accumulate<Element>(S[tile], Q[2 * chunk + 1], line.z, line.w);
    }
  }
}

/**
 * Whether every key that a row sees lies below the row's running maximum by more than its limit, so that the step may be skipped:
 * the same in all lanes. `counts(row)` says whether a lane's row is one; scores that are not a number keep the step.
 */
template <typename Visible, typename Counts>
__device__ inline bool all_below(const float (&S)[2][4], const Visible& visible, const Counts& counts, float scale_log2,
                                 const float (&maximum)[2], const float (&limit)[2]) {
  bool below = true;
#pragma unroll
  for (int r = 0; r < 2; ++r) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      below = below && (!counts(r) || !visible(r, i) || S[i / 2][2 * r + i % 2] * scale_log2 < maximum[r] + limit[r]);
    }
  }
  return __all_sync(0xffffffffu, below);
}

/**
 * One step of the online softmax: turns S into P and rescales O. `visible(row, i)` says whether a lane's row, 0 or 1, sees the
 * i-th of its four keys.
 */
template <typename Element, int columns, typename Visible>
__device__ inline void softmax_step(float (&S)[2][4], const Visible& visible, float scale_log2, float (&maximum)[2],
                                    float (&sum)[2], float (&O)[columns][4], uint32_t (&P)[4]) {
  float rescale[2];
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    float highest = maximum[r];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      float& score = S[i / 2][2 * r + i % 2];
      score = visible(r, i) ? score * scale_log2 : -INFINITY;
      highest = fmaxf(highest, score);
    }
    highest = quad_max(highest);
    const float base = highest == -INFINITY ? 0.0f : highest;
    rescale[r] = exp2_fast(maximum[r] - base);
    maximum[r] = highest;
    float added = 0;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      float& score = S[i / 2][2 * r + i % 2];
      score = exp2_fast(score - base);
      added += score;
    }
    sum[r] = fmaf(sum[r], rescale[r], added);
    P[r] = pack_pair<Element>(S[0][2 * r], S[0][2 * r + 1]);
    P[r + 2] = pack_pair<Element>(S[1][2 * r], S[1][2 * r + 1]);
  }
  if (__any_sync(0xffffffffu, rescale[0] != 1.0f || rescale[1] != 1.0f)) {
#pragma unroll
    for (auto& tile : O) {
#pragma unroll
      for (int i = 0; i < 4; ++i) tile[i] *= rescale[i / 2];
    }
  }
}

/** O += PV for `width` columns of the values of keys 2 (lane % 4) + {0, 1, 8, 9}. */
template <typename Element, int width>
__device__ inline void add_pv(float (*O)[4], const uint32_t (&P)[4], const uint32_t (&first)[width / 2],
                              const uint32_t (&second)[width / 2], const uint32_t (&third)[width / 2],
                              const uint32_t (&fourth)[width / 2]) {
#pragma unroll
  for (int column = 0; column < width; ++column) {
    // The same column of two neighbouring keys, side by side.
    const uint32_t selector = column % 2 == 0 ? 0x5410 : 0x7632;
    const uint32_t low = __byte_perm(first[column / 2], second[column / 2], selector);
    const uint32_t high = __byte_perm(third[column / 2], fourth[column / 2], selector);
    ptx::multiply_accumulate<Element>(O[column], P, low, high);
  }
}

}  // namespace elastic
