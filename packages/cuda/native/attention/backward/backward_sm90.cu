#include "attention/backward/backward_sm90.h"

namespace elastic {

// One source file for each of these, so that they compile side by side.
#define ELASTIC_DECLARE(name) \
  cudaError_t name(const BackwardParameters& parameters, int multiprocessors, cudaStream_t stream);
ELASTIC_DECLARE(backward_sm90_bf16_64)
ELASTIC_DECLARE(backward_sm90_bf16_96)
ELASTIC_DECLARE(backward_sm90_bf16_128)
ELASTIC_DECLARE(backward_sm90_f16_64)
ELASTIC_DECLARE(backward_sm90_f16_96)
ELASTIC_DECLARE(backward_sm90_f16_128)
#undef ELASTIC_DECLARE

cudaError_t launch_backward_sm90(const BackwardParameters& parameters, int head_dim, HalfType type, int multiprocessors,
                                 cudaStream_t stream) {
  const bool bf16 = type == HalfType::BFloat16;
  switch (head_dim) {
    case 64:
      return (bf16 ? backward_sm90_bf16_64 : backward_sm90_f16_64)(parameters, multiprocessors, stream);
    case 96:
      return (bf16 ? backward_sm90_bf16_96 : backward_sm90_f16_96)(parameters, multiprocessors, stream);
    case 128:
      return (bf16 ? backward_sm90_bf16_128 : backward_sm90_f16_128)(parameters, multiprocessors, stream);
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace elastic
