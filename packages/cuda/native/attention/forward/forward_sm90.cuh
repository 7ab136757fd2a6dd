// The Hopper forward: a producer warp copies tiles, two or three consumer warp groups attend 64 query rows each.
#pragma once
#include "attention/forward/forward_consumer.cuh"
#include "attention/forward/forward_producer.cuh"
#include "attention/forward/wide/wide_consumer.cuh"

namespace elastic {

template <typename Traits>
__global__ void __launch_bounds__(Traits::threads, 1)
    attention_forward(const __grid_constant__ ForwardParameters parameters) {
#ifdef ELASTIC_HOPPER
  extern __shared__ uint8_t memory[];
  auto& shared = *reinterpret_cast<ForwardShared<Traits>*>((reinterpret_cast<uintptr_t>(memory) + 1023) & ~1023ull);
  if (threadIdx.x == 0) {
    constexpr int consumer_warps = 4 * Traits::consumers;
    shared.query_full.initialize(1);
    shared.query_free.initialize(consumer_warps);
    for (uint32_t stage = 0; stage < Traits::stages; ++stage) {
      shared.keys_full[stage].initialize(1);
      shared.keys_free[stage].initialize(consumer_warps);
      shared.values_full[stage].initialize(1);
      shared.values_free[stage].initialize(consumer_warps);
    }
    ptx::fence_barrier_initialization();
  }
  __syncthreads();
  if (threadIdx.x < 128) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Traits::producer_registers));
    if (threadIdx.x < 32) produce_forward<Traits>(parameters, shared);
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Traits::consumer_registers));
    using Consumer = std::conditional_t<Traits::wide, WideConsumer<Traits>, ForwardConsumer<Traits>>;
    Consumer(parameters, shared).run();
  }
#endif
}

template <typename Traits>
cudaError_t launch_forward(const ForwardParameters& parameters, int multiprocessors, cudaStream_t stream) {
  constexpr int bytes = sizeof(ForwardShared<Traits>) + 1024;
  const cudaError_t status =
      cudaFuncSetAttribute(attention_forward<Traits>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if (status != cudaSuccess) return status;
  attention_forward<Traits><<<multiprocessors, Traits::threads, bytes, stream>>>(parameters);
  return cudaGetLastError();
}

}  // namespace elastic
