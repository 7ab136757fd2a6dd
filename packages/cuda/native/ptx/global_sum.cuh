// Sums in global memory that many thread blocks add to, and the counters that order them where the order matters.
#pragma once
#include <cstdint>

#include "ptx/barrier.cuh"

namespace elastic::ptx {

/** Adds four neighbouring numbers without waiting for them. */
__device__ inline void add_four(float* target, float a, float b, float c, float d) {
  asm volatile("red.relaxed.gpu.global.add.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(target), "f"(a), "f"(b), "f"(c), "f"(d)
               : "memory");
}

/** Adds float32 numbers in shared memory to those at `target`, by the copy engine: a group of its own of this thread. */
__device__ inline void add_bytes(float* target, const float* source, uint32_t bytes) {
  asm volatile(
      "cp.reduce.async.bulk.global.shared::cta.bulk_group.add.f32 [%0], [%1], %2;\n"
      "cp.async.bulk.commit_group;" ::"l"(target),
      "r"(shared_address(source)), "r"(bytes)
      : "memory");
}

/** Waits until this thread's additions by the copy engine have read their source. */
__device__ inline void wait_until_read() { asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory"); }

/** Waits until this thread's additions by the copy engine are done. */
__device__ inline void wait_until_added() { asm volatile("cp.async.bulk.wait_group 0;" ::: "memory"); }

/** Orders ordinary accesses before those of the copy engine, and the other way round. */
__device__ inline void fence_for_async() { asm volatile("fence.proxy.async;" ::: "memory"); }

__device__ inline int load_acquire(const int* source) {
  int value;
  asm volatile("ld.acquire.gpu.global.b32 %0, [%1];" : "=r"(value) : "l"(source) : "memory");
  return value;
}

__device__ inline void store_release(int* target, int value) {
  asm volatile("st.release.gpu.global.b32 [%0], %1;" ::"l"(target), "r"(value) : "memory");
}

}  // namespace elastic::ptx
