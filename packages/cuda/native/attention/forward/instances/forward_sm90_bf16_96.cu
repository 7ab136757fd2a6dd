#include "attention/forward/forward_sm90.cuh"

namespace elastic {

cudaError_t forward_sm90_bf16_96(const ForwardParameters& parameters, bool dual, int multiprocessors, cudaStream_t stream) {
  if (dual) return launch_forward<ForwardTraits<__nv_bfloat16, 96, ForwardVariant::Dual>>(parameters, multiprocessors, stream);
  return launch_forward<ForwardTraits<__nv_bfloat16, 96, ForwardVariant::Plain>>(parameters, multiprocessors, stream);
}

}  // namespace elastic
