// Barriers of one thread block: mbarriers for data that arrives, named barriers for warp groups that wait for one another.
#pragma once
#include <cstdint>

namespace elastic::ptx {

/** Address in the shared window, as PTX wants it. */
__device__ inline uint32_t shared_address(const void* pointer) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}

/** A phase bit in shared memory that flips when its arrivals, and the bytes it was told to expect, are complete. */
struct Barrier {
  uint64_t state;

  __device__ void initialize(uint32_t arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(&state)), "r"(arrivals) : "memory");
  }
  __device__ void arrive() {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(&state)) : "memory");
  }
  /** One arrival that also announces the bytes of the tensor copies to come. */
  __device__ void arrive_and_expect(uint32_t bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(&state)), "r"(bytes)
                 : "memory");
  }
  /** Waits until the phase of this parity is over; the parity before the first phase counts as over. */
  __device__ void wait(uint32_t parity) {
    asm volatile(
        "{\n"
        ".reg .pred done;\n"
        "again:\n"
        "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1, 0x989680;\n"
        "@done bra finished;\n"
        "bra again;\n"
        "finished:\n"
        "}\n" ::"r"(shared_address(&state)),
        "r"(parity)
        : "memory");
  }
  /** {@link wait} for what other blocks of the cluster sent. */
  __device__ void wait_for_cluster(uint32_t parity) {
    asm volatile(
        "{\n"
        ".reg .pred done;\n"
        "again:\n"
        "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 done, [%0], %1, 0x989680;\n"
        "@done bra finished;\n"
        "bra again;\n"
        "finished:\n"
        "}\n" ::"r"(shared_address(&state)),
        "r"(parity)
        : "memory");
  }
};

/** Makes initialised barriers visible to the copy engine. */
__device__ inline void fence_barrier_initialization() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

/** Orders ordinary writes to shared memory before reads by tensor cores and the copy engine. */
__device__ inline void fence_shared_for_async() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

__device__ inline void named_barrier_sync(uint32_t id, uint32_t threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

/** Arrives for others to go on, without waiting; `threads` are those who arrive and those who wait. */
__device__ inline void named_barrier_arrive(uint32_t id, uint32_t threads) {
  asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

/** {@link named_barrier_sync} that tells whether a condition holds for all of the threads. */
__device__ inline bool all_of_barrier(uint32_t id, uint32_t threads, bool condition) {
  uint32_t all;
  asm volatile(
      "{\n"
      ".reg .pred own, every;\n"
      "setp.ne.u32 own, %1, 0;\n"
      "bar.red.and.pred every, %2, %3, own;\n"
      "selp.u32 %0, 1, 0, every;\n"
      "}\n"
      : "=r"(all)
      : "r"(static_cast<uint32_t>(condition)), "r"(id), "r"(threads)
      : "memory");
  return all != 0;
}

}  // namespace elastic::ptx
