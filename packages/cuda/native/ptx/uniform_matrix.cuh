// Operands of warp-group products whose descriptors cost next to nothing.
#pragma once
#include "ptx/uniform.cuh"
#include "ptx/warp_group_matrix.cuh"

namespace elastic::ptx {

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
