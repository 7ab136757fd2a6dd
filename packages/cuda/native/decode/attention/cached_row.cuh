// A key or a value in shared memory, as pairs of the 16-bit type that is multiplied in.
#pragma once
#include "rounded_cache/rounded_rows.cuh"

namespace elastic {

template <typename Traits>
class CachedRow {
 public:
  __device__ explicit CachedRow(const uint8_t* row) : row_(row) {}

  /** Eight elements; of a rounded row without its scale. */
  __device__ uint4 eight(int column) const {
    if constexpr (Traits::rounded) {
      const uint32_t low = word(column), high = word(column + 4);
      return {e4m3_pair(low, 0), e4m3_pair(low, 1), e4m3_pair(high, 0), e4m3_pair(high, 1)};
    } else {
      return *reinterpret_cast<const uint4*>(row_ + column * 2);
    }
  }

  /** The same with the scale: it is a power of two, so that nothing is rounded. */
  __device__ uint4 scaled_eight(int column) const {
    const uint4 pairs = eight(column);
    if constexpr (!Traits::rounded) return pairs;
    const uint32_t factor = pair_of_power(scale());
    return {multiply_pairs(pairs.x, factor), multiply_pairs(pairs.y, factor), multiply_pairs(pairs.z, factor), multiply_pairs(pairs.w, factor)};
  }

  __device__ uint2 scaled_four(int column) const {
    if constexpr (Traits::rounded) {
      const uint32_t bytes = word(column), factor = pair_of_power(scale());
      return {multiply_pairs(e4m3_pair(bytes, 0), factor), multiply_pairs(e4m3_pair(bytes, 1), factor)};
    } else {
      return *reinterpret_cast<const uint2*>(row_ + column * 2);
    }
  }

  /** Of a rounded row. */
  __device__ float scale() const { return *reinterpret_cast<const float*>(row_ + Traits::head_dim); }

 private:
  __device__ uint32_t word(int column) const { return *reinterpret_cast<const uint32_t*>(row_ + column); }
  const uint8_t* row_;
};

}  // namespace elastic
