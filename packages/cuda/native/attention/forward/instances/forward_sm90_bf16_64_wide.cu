#include "attention/forward/forward_sm90.cuh"

namespace elastic {

cudaError_t forward_sm90_bf16_64_wide(const ForwardParameters& parameters, int multiprocessors, cudaStream_t stream) {
  return launch_forward<ForwardTraits<__nv_bfloat16, 64, ForwardVariant::Wide>>(parameters, multiprocessors, stream);
}

}  // namespace elastic
