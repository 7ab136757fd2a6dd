// Descriptors of matrices in shared memory, as warp-group products take them.
#pragma once
#include "ptx/barrier.cuh"

namespace elastic::ptx {

/** How rows of a tile are swizzled in shared memory; the value is the row's length in bytes. */
enum class Swizzle : int { Bytes64 = 64, Bytes128 = 128 };

/**
 * Descriptor of a matrix in shared memory.
 *
 * @param leading bytes between neighbouring swizzle atoms along the dimension that is dense in memory
 * @param stride bytes between neighbouring groups of 8 rows
 */
template <Swizzle swizzle>
__device__ inline uint64_t matrix_descriptor(const void* pointer, uint32_t leading, uint32_t stride) {
  const uint64_t mode = swizzle == Swizzle::Bytes128 ? 1 : 2;
  return static_cast<uint64_t>((shared_address(pointer) & 0x3FFFF) >> 4) | (static_cast<uint64_t>(leading >> 4) << 16) |
         (static_cast<uint64_t>(stride >> 4) << 32) | (mode << 62);
}

/** The descriptor of the same matrix `bytes` further on. */
__device__ inline uint64_t advance(uint64_t descriptor, uint32_t bytes) { return descriptor + (bytes >> 4); }

/**
 * A matrix in shared memory whose descriptors are in uniform registers: `offset` is the same in all lanes, by `uniform`.
 * With `matrix_descriptor` each product of a chain waits for an addition of 64 bits and two moves into uniform registers,
 * about as long as the product itself takes. Rows are as long as the swizzle.
 */
template <Swizzle swizzle>
struct UniformMatrix {
  uint32_t low;

  __device__ UniformMatrix(const void* pointer, uint32_t offset, uint32_t leading = 0)
      : low(((shared_address(pointer) & 0x3FFFF) >> 4 | (leading >> 4) << 16) + (offset >> 4)) {}

  /** The descriptor of the matrix a constant number of bytes further on. */
  __device__ uint64_t at(uint32_t bytes) const {
    constexpr uint32_t eight_rows = 8 * static_cast<uint32_t>(swizzle), mode = swizzle == Swizzle::Bytes128 ? 1 : 2;
    uint64_t descriptor;
    asm("mov.b64 %0, {%1, %2};" : "=l"(descriptor) : "r"(low + (bytes >> 4)), "n"(eight_rows >> 4 | mode << 30));
    return descriptor;
  }
};

}  // namespace elastic::ptx
