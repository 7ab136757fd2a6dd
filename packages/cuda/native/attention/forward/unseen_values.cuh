// Rows of a tile of V that no query sees: they may hold anything, NaN included, and 0 · NaN is NaN.
#pragma once
#include "attention/forward/forward_tiles.cuh"

namespace elastic {

#ifdef ELASTIC_HOPPER

/** Zeroes rows of a tile that has landed. Each warp group that reads the tile does so for itself. */
template <typename Traits>
__device__ __forceinline__ void clear_value_rows(uint8_t* tile, int begin, int end) {
  for (int part = 0; part < Traits::parts; ++part) {
    auto* first = reinterpret_cast<uint4*>(tile + part * Traits::part_bytes + begin * Traits::row_bytes);
    const int count = (end - begin) * Traits::row_bytes / 16;
    for (int i = threadIdx.x % 128; i < count; i += 128) first[i] = uint4{0, 0, 0, 0};
  }
  ptx::fence_shared_for_async();
  // Named barriers 4 and on: one for each consumer, beyond those of `SkippedTiles`.
  ptx::named_barrier_sync(3 + threadIdx.x / 128, 128);
}

#endif

}  // namespace elastic
