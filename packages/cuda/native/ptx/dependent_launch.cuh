// A kernel that begins while the one before it in the stream still runs (programmatic dependent launch).
#pragma once

namespace elastic::ptx {

/** From here on the next kernel may begin, as far as it was launched so. */
__device__ inline void allow_next_kernel() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

/** Waits until the kernel before is done and what it wrote can be read. */
__device__ inline void wait_for_previous_kernel() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

}  // namespace elastic::ptx
