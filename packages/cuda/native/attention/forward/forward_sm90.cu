#include "attention/forward/forward_sm90.h"

namespace elastic {

// One source file for each of these, so that they compile side by side.
#define ELASTIC_DECLARE(name) \
  cudaError_t name(const ForwardParameters& parameters, bool dual, int multiprocessors, cudaStream_t stream);
ELASTIC_DECLARE(forward_sm90_bf16_64)
ELASTIC_DECLARE(forward_sm90_bf16_96)
ELASTIC_DECLARE(forward_sm90_bf16_128)
ELASTIC_DECLARE(forward_sm90_f16_64)
ELASTIC_DECLARE(forward_sm90_f16_96)
ELASTIC_DECLARE(forward_sm90_f16_128)
#undef ELASTIC_DECLARE

cudaError_t launch_forward_sm90(const ForwardParameters& parameters, int head_dim, HalfType type, int multiprocessors,
                                cudaStream_t stream) {
  const bool dual = parameters.sparse_output != nullptr;
  const bool bf16 = type == HalfType::BFloat16;
  switch (head_dim) {
    case 64:
      return (bf16 ? forward_sm90_bf16_64 : forward_sm90_f16_64)(parameters, dual, multiprocessors, stream);
    case 96:
      return (bf16 ? forward_sm90_bf16_96 : forward_sm90_f16_96)(parameters, dual, multiprocessors, stream);
    case 128:
      return (bf16 ? forward_sm90_bf16_128 : forward_sm90_f16_128)(parameters, dual, multiprocessors, stream);
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace elastic
