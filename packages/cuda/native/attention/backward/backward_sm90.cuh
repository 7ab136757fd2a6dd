// The Hopper backward: a thread block holds 128 keys with dK and dV and walks the query tiles that see them. A producer warp
// copies tiles; two consumer warp groups have 64 keys each, and each has a warp that adds up its part of dQ.
#pragma once
#include "attention/backward/backward_consumer.cuh"
#include "attention/backward/backward_producer.cuh"

namespace elastic {

template <typename Traits>
__global__ void __launch_bounds__(Traits::threads, 1)
    attention_backward(const __grid_constant__ BackwardParameters parameters) {
#ifdef ELASTIC_HOPPER
  extern __shared__ __align__(1024) uint8_t memory[];
  // The swizzle counts from multiples of this. Rounding up would hide from the compiler that descriptors are uniform.
  if (ptx::shared_address(memory) % 1024 != 0) __trap();
  auto& shared = *reinterpret_cast<BackwardShared<Traits>*>(memory);
  if (threadIdx.x == 0) {
    constexpr int consumer_warps = 4 * Traits::consumers;
    shared.keys_full.initialize(1);
    shared.keys_free.initialize(consumer_warps);
    for (int stage = 0; stage < Traits::stages; ++stage) {
      shared.query_full[stage].initialize(1);
      shared.query_free[stage].initialize(consumer_warps);
      shared.gradient_full[stage].initialize(1);
      shared.gradient_free[stage].initialize(consumer_warps);
    }
    for (int buffer = 0; buffer < 2; ++buffer) {
      shared.scores_full[buffer].initialize(consumer_warps);
      shared.scores_free[buffer].initialize(consumer_warps);
    }
    for (int consumer = 0; consumer < Traits::consumers; ++consumer) {
      shared.query_gradient_full[consumer].initialize(4);
      shared.query_gradient_free[consumer].initialize(1);
    }
    ptx::fence_barrier_initialization();
  }
  __syncthreads();
  if (threadIdx.x < 128) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 24;");
    const int warp = ptx::uniform(threadIdx.x / 32);
    if (warp == 0) {
      produce_backward<Traits>(parameters, shared);
    } else if (warp < 3) {
      if (threadIdx.x % 32 == 0) add_query_gradients<Traits>(parameters, shared, warp - 1);
    }
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 240;");
    consume_backward<Traits>(parameters, shared);
  }
#endif
}

template <typename Element, int head_dim>
cudaError_t launch_backward(const BackwardParameters& parameters, int multiprocessors, cudaStream_t stream) {
  using Traits = BackwardTraits<Element, head_dim>;
  constexpr int bytes = sizeof(BackwardShared<Traits>);
  const cudaError_t status =
      cudaFuncSetAttribute(attention_backward<Traits>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if (status != cudaSuccess) return status;
  attention_backward<Traits><<<multiprocessors, Traits::threads, bytes, stream>>>(parameters);
  return cudaGetLastError();
}

}  // namespace elastic
