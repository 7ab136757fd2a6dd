#include "decode/attention/decode_attention.cuh"

namespace elastic {

cudaError_t launch_rounded_decode_attention(const DecodeAttention& call, int head_dim, int multiprocessors, cudaStream_t stream) {
  switch (head_dim) {
    case 64:
      return launch_decode<__nv_bfloat16, 64, true>(call, multiprocessors, stream);
    case 96:
      return launch_decode<__nv_bfloat16, 96, true>(call, multiprocessors, stream);
    case 128:
      return launch_decode<__nv_bfloat16, 128, true>(call, multiprocessors, stream);
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace elastic
