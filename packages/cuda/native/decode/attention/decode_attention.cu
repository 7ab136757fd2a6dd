#include "decode/attention/decode_attention.cuh"

#include "core/device/check.h"
#include "core/device/device.h"

namespace elastic {

cudaError_t launch_decode_attention(const DecodeAttention& call, int head_dim, HalfType type, int multiprocessors,
                                    cudaStream_t stream) {
  if (call.rounded) return launch_rounded_decode_attention(call, head_dim, multiprocessors, stream);
  const bool bf16 = type == HalfType::BFloat16;
  switch (head_dim) {
    case 64:
      return (bf16 ? launch_decode<__nv_bfloat16, 64> : launch_decode<__half, 64>)(call, multiprocessors, stream);
    case 96:
      return (bf16 ? launch_decode<__nv_bfloat16, 96> : launch_decode<__half, 96>)(call, multiprocessors, stream);
    case 128:
      return (bf16 ? launch_decode<__nv_bfloat16, 128> : launch_decode<__half, 128>)(call, multiprocessors, stream);
    default:
      return cudaErrorInvalidValue;
  }
}

const DecodeMemory& DecodeMemory::instance() {
  // Lives as long as the process: the driver may be gone before static objects are.
  static const DecodeMemory memory = [] {
    DecodeMemory made{};
    constexpr size_t counters = kMostItems * sizeof(int32_t);
    const size_t parts = size_t{2} * static_cast<size_t>(Device::instance().multiprocessors) * kMostRows * (128 + 4) * sizeof(float);
    check(cudaMalloc(reinterpret_cast<void**>(&made.partial), parts), "cudaMalloc");
    check(cudaMalloc(reinterpret_cast<void**>(&made.arrived), counters), "cudaMalloc");
    check(cudaMemset(made.arrived, 0, counters), "cudaMemset");
    return made;
  }();
  return memory;
}

}  // namespace elastic
