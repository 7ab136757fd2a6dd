#include "attention/forward/forward_sm90.cuh"

namespace elastic {

cudaError_t forward_sm90_bf16_128_terms(const ForwardParameters& parameters, int multiprocessors, cudaStream_t stream) {
  return launch_forward<ForwardTraits<__nv_bfloat16, 128, ForwardVariant::Terms>>(parameters, multiprocessors, stream);
}

}  // namespace elastic
