// The Hopper backward: a thread block holds 128 keys with dK and dV and walks the query tiles that see them. A producer warp
// copies tiles; two consumer warp groups have 64 keys each.
#pragma once
#include "attention/backward/backward_consumer.cuh"
#include "attention/backward/backward_producer.cuh"

namespace elastic {

template <typename Traits>
__global__ void __launch_bounds__(Traits::threads, 1)
    attention_backward(const __grid_constant__ BackwardParameters parameters) {
#ifdef ELASTIC_HOPPER
  extern __shared__ uint8_t memory[];
  // An offset, not an address that is rounded up: the compiler is to see that it is shared memory.
  auto& shared = *reinterpret_cast<BackwardShared<Traits>*>(memory + (-ptx::shared_address(memory) & 1023));
  if (threadIdx.x == 0) {
    constexpr int consumer_warps = 4 * Traits::consumers;
    shared.keys_full.initialize(1);
    shared.keys_free.initialize(consumer_warps);
    for (int stage = 0; stage < Traits::stages; ++stage) {
      shared.query_full[stage].initialize(1);
      shared.gradient_full[stage].initialize(1);
      shared.tile_free[stage].initialize(consumer_warps);
    }
    ptx::fence_barrier_initialization();
  }
  __syncthreads();
  if (threadIdx.x < 128) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 24;");
    if (threadIdx.x < 32) produce_backward<Traits>(parameters, shared);
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 240;");
    consume_backward<Traits>(parameters, shared);
  }
#endif
}

template <typename Element, int head_dim>
cudaError_t launch_backward(const BackwardParameters& parameters, int multiprocessors, cudaStream_t stream) {
  using Traits = BackwardTraits<Element, head_dim>;
  constexpr int bytes = sizeof(BackwardShared<Traits>) + 1024;
  const cudaError_t status =
      cudaFuncSetAttribute(attention_backward<Traits>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if (status != cudaSuccess) return status;
  attention_backward<Traits><<<multiprocessors, Traits::threads, bytes, stream>>>(parameters);
  return cudaGetLastError();
}

}  // namespace elastic
