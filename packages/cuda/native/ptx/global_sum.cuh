// Sums in global memory that many thread blocks add to, and the counters that order them where the order matters.
#pragma once
#include <cstdint>

namespace elastic::ptx {

/** Adds four neighbouring numbers without waiting for them. */
__device__ inline void add_four(float* target, float a, float b, float c, float d) {
  asm volatile("red.relaxed.gpu.global.add.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(target), "f"(a), "f"(b), "f"(c), "f"(d)
               : "memory");
}

__device__ inline int load_acquire(const int* source) {
  int value;
  asm volatile("ld.acquire.gpu.global.b32 %0, [%1];" : "=r"(value) : "l"(source) : "memory");
  return value;
}

__device__ inline void store_release(int* target, int value) {
  asm volatile("st.release.gpu.global.b32 [%0], %1;" ::"l"(target), "r"(value) : "memory");
}

}  // namespace elastic::ptx
