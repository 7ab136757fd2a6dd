// A key or a value in shared memory, as the matrix units take it.
//
// Numbers of e4m3 become bf16 by moving their bits alone, and are then 2^-120 of themselves. Queries and probabilities are
// multiplied by powers of two for it, and results by what is left: nothing is rounded, and no number leaves float32's range.
#pragma once
#include "ptx/warp_matrix.cuh"
#include "rounded_cache/rounded_rows.cuh"

namespace elastic {

/** 2^64 as a pair of bf16: of queries; what is left for scores. */
constexpr uint32_t kRoundedQueryFactor = 0x5f805f80u;
constexpr float kRoundedScoreFactor = 0x1p56f;
/** Of probabilities; what is left for outputs. */
constexpr float kRoundedValueFactor = 0x1p56f, kRoundedOutputFactor = 0x1p64f;

/** Two numbers of e4m3 at bytes 1 and 3 of a word, as a pair of bf16 times 2^-120; other bytes may be anything. */
__device__ inline uint32_t tiny_pair(uint32_t word) { return (word >> 4 & 0x07f007f0u) | (word & 0x80008000u); }

template <typename Traits>
class CachedRow {
 public:
  __device__ explicit CachedRow(const uint8_t* row) : row_(row) {}

  /** Eight elements in pairs; of a rounded row without its scale, times 2^-120. */
  __device__ uint4 eight(int column) const {
    if constexpr (Traits::rounded) {
      const uint32_t low = word(column), high = word(column + 4);
      return {tiny_pair(__byte_perm(low, low, 0x1000)), tiny_pair(__byte_perm(low, low, 0x3020)), tiny_pair(__byte_perm(high, high, 0x1000)),
              tiny_pair(__byte_perm(high, high, 0x3020))};
    } else {
      return *reinterpret_cast<const uint4*>(row_ + column * 2);
    }
  }

  /** Four elements of a rounded row. */
  __device__ uint32_t word(int column) const { return *reinterpret_cast<const uint32_t*>(row_ + column); }
  /** Of a rounded row; a power of two. */
  __device__ float scale() const { return *reinterpret_cast<const float*>(row_ + Traits::head_dim); }

 private:
  const uint8_t* row_;
};

/** O += PV for `width` columns of rounded values of keys 2 (lane % 4) + {0, 1, 8, 9}, whose scales P has. */
template <typename Element, int width>
__device__ inline void add_rounded_pv(float (*O)[4], const uint32_t (&P)[4], const uint32_t (&words)[4][width / 4]) {
#pragma unroll
  for (int column = 0; column < width; ++column) {
    // The same column of two neighbouring keys, side by side.
    const uint32_t selector = static_cast<uint32_t>(column % 4) << 4 | static_cast<uint32_t>(4 + column % 4) << 12;
    const uint32_t low = tiny_pair(__byte_perm(words[0][column / 4], words[1][column / 4], selector));
    const uint32_t high = tiny_pair(__byte_perm(words[2][column / 4], words[3][column / 4], selector));
    ptx::multiply_accumulate<Element>(O[column], P, low, high);
  }
}

}  // namespace elastic
