// Bulk copies of contiguous bytes from global to shared memory (Hopper's copy engine).
#pragma once
#include "ptx/barrier.cuh"

namespace elastic::ptx {

/** Both addresses and the size are multiples of 16 bytes. */
__device__ inline void copy_bytes(void* destination, const void* source, uint32_t bytes, Barrier& barrier) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
                   shared_address(destination)),
               "l"(source), "r"(bytes), "r"(shared_address(&barrier))
               : "memory");
}

}  // namespace elastic::ptx
