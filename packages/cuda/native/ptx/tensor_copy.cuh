// Bulk tensor copies from global to shared memory (Hopper's copy engine).
#pragma once
#include <cuda.h>

#include "ptx/barrier.cuh"

namespace elastic::ptx {

__device__ inline void prefetch_tensor_map(const CUtensorMap& map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(reinterpret_cast<uint64_t>(&map)) : "memory");
}

/** Copies one box; elements outside of the tensor arrive as zeros. */
__device__ inline void copy_box(void* destination, const CUtensorMap& map, Barrier& barrier, int x, int y) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4}], [%2];" ::"r"(
          shared_address(destination)),
      "l"(reinterpret_cast<uint64_t>(&map)), "r"(shared_address(&barrier)), "r"(x), "r"(y)
      : "memory");
}

__device__ inline void copy_box(void* destination, const CUtensorMap& map, Barrier& barrier, int x, int y, int z) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5}], "
      "[%2];" ::"r"(shared_address(destination)),
      "l"(reinterpret_cast<uint64_t>(&map)), "r"(shared_address(&barrier)), "r"(x), "r"(y), "r"(z)
      : "memory");
}

__device__ inline void copy_box(void* destination, const CUtensorMap& map, Barrier& barrier, int x, int y, int z, int w) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, %6}], "
      "[%2];" ::"r"(shared_address(destination)),
      "l"(reinterpret_cast<uint64_t>(&map)), "r"(shared_address(&barrier)), "r"(x), "r"(y), "r"(z), "r"(w)
      : "memory");
}

/** Copies one box to the same offset in several blocks of a cluster, by bits, and signals the same barrier of each. */
__device__ inline void copy_box_to_cluster(void* destination, const CUtensorMap& map, Barrier& barrier, uint16_t blocks,
                                           int x, int y, int z) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%0], "
      "[%1, {%4, %5, %6}], [%2], %3;" ::"r"(shared_address(destination)),
      "l"(reinterpret_cast<uint64_t>(&map)), "r"(shared_address(&barrier)), "h"(blocks), "r"(x), "r"(y), "r"(z)
      : "memory");
}

/** Copies bytes that lie in a row: a multiple of 16, both ends aligned to that. */
__device__ inline void copy_bytes(void* destination, const void* source, Barrier& barrier, uint32_t bytes) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
          shared_address(destination)),
      "l"(reinterpret_cast<uint64_t>(source)), "r"(bytes), "r"(shared_address(&barrier))
      : "memory");
}

}  // namespace elastic::ptx
