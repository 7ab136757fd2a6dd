// Thread blocks of a cluster: barriers, and arrivals at the barriers of one another.
#pragma once
#include "ptx/barrier.cuh"

namespace elastic::ptx {

/** This block's number in its cluster. */
__device__ inline uint32_t cluster_rank() {
  uint32_t rank;
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
}

/** Waits for all threads of the cluster. */
__device__ inline void cluster_sync() {
  asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::: "memory");
}

/**
 * Arrives at the same barrier of another block, or of this one. It orders ordinary accesses within this block only: an
 * order for the whole cluster would be a fence at L2.
 */
__device__ inline void arrive_in_cluster(Barrier& barrier, uint32_t rank) {
  asm volatile(
      "{\n"
      ".reg .b32 remote;\n"
      "mapa.shared::cluster.u32 remote, %0, %1;\n"
      "mbarrier.arrive.shared::cluster.b64 _, [remote];\n"
      "}\n" ::"r"(shared_address(&barrier.state)),
      "r"(rank)
      : "memory");
}

}  // namespace elastic::ptx
