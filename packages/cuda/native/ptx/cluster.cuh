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

/** The halves of {@link cluster_sync}, for work between them that concerns no other block. */
__device__ inline void cluster_arrive() { asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory"); }
__device__ inline void cluster_wait() { asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory"); }

/** Writes to the same place of another block, or of this one; its barrier there is told of the 16 bytes. */
__device__ inline void send_four(float* target, const float4& four, Barrier& barrier, uint32_t rank) {
  asm volatile(
      "{\n"
      ".reg .b32 remote, remote_barrier;\n"
      "mapa.shared::cluster.u32 remote, %0, %6;\n"
      "mapa.shared::cluster.u32 remote_barrier, %1, %6;\n"
      "st.async.shared::cluster.mbarrier::complete_tx::bytes.v4.f32 [remote], {%2, %3, %4, %5}, [remote_barrier];\n"
      "}\n" ::"r"(shared_address(target)),
      "r"(shared_address(&barrier.state)), "f"(four.x), "f"(four.y), "f"(four.z), "f"(four.w), "r"(rank)
      : "memory");
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
