// 8 x 8 matrices of 16-bit elements from registers to shared memory.
#pragma once
#include "ptx/barrier.cuh"

namespace elastic::ptx {

/** Stores four matrices; lanes 8 m to 8 m + 7 give the addresses of the rows of matrix m. */
__device__ inline void store_matrices(uint32_t row_address, const uint32_t (&fragments)[4]) {
  asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(row_address), "r"(fragments[0]),
               "r"(fragments[1]), "r"(fragments[2]), "r"(fragments[3])
               : "memory");
}

}  // namespace elastic::ptx
