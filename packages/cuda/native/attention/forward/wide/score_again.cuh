// Scores of one warp's 16 rows by `mma.sync`, for the rare tile whose scores outgrew their reference.
#pragma once
#include "attention/forward/forward_tiles.cuh"

namespace elastic {

#ifdef ELASTIC_HOPPER

__device__ inline uint32_t shared_word(uint32_t address) {
  uint32_t value;
  asm volatile("ld.shared.u32 %0, [%1];" : "=r"(value) : "r"(address));
  return value;
}

/** D += A B of 16 x 8 x 16; `accumulators` is laid out as wgmma's. */
template <typename Element>
__device__ inline void multiply_warp(float* accumulators, const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  if constexpr (std::is_same_v<Element, __half>) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(accumulators[0]), "+f"(accumulators[1]), "+f"(accumulators[2]), "+f"(accumulators[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  } else {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(accumulators[0]), "+f"(accumulators[1]), "+f"(accumulators[2]), "+f"(accumulators[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  }
}

/** S = QKᵀ of rows `thread_row` and eight on of the query tile with a tile of keys, in the layout of wgmma. */
template <typename Traits>
__device__ __forceinline__ void score_again(float (&S)[kTile / 2], const uint8_t* queries, const uint8_t* keys, int thread_row) {
  constexpr int row_bytes = Traits::row_bytes;
  const int lane = threadIdx.x % 32, row = lane / 4;
  // Of 16-byte units within a row; rows of both operands agree with the lane's modulo 8.
  const int swizzle = row_bytes == 128 ? row << 4 : (row >> 1 & 3) << 4;
  const uint32_t query = ptx::shared_address(queries) + thread_row * row_bytes;
  const uint32_t key = ptx::shared_address(keys) + row * row_bytes;
#pragma unroll
  for (float& score : S) score = 0;
#pragma unroll 1
  for (int step = 0; step < Traits::head_dim / 16; ++step) {
    const int part = 16 * step / Traits::columns, byte = 16 * step % Traits::columns * 2 + lane % 4 * 4;
    const int low = byte ^ swizzle, high = (byte + 16) ^ swizzle;
    const uint32_t q = query + part * Traits::query_part_bytes, k = key + part * Traits::part_bytes;
    const uint32_t a[4] = {shared_word(q + low), shared_word(q + 8 * row_bytes + low), shared_word(q + high),
                           shared_word(q + 8 * row_bytes + high)};
#pragma unroll
    for (int j = 0; j < kTile / 8; ++j) {
      const uint32_t b[2] = {shared_word(k + 8 * j * row_bytes + low), shared_word(k + 8 * j * row_bytes + high)};
      multiply_warp<typename Traits::Element>(S + 4 * j, a, b);
    }
  }
}

#endif

}  // namespace elastic
