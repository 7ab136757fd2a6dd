#include "attention/forward/forward_sm90.cuh"

namespace elastic {

cudaError_t forward_sm90_f16_96(const ForwardParameters& parameters, bool dual, int multiprocessors, cudaStream_t stream) {
  if (dual) return launch_forward<ForwardTraits<__half, 96, ForwardVariant::Dual>>(parameters, multiprocessors, stream);
  return launch_forward<ForwardTraits<__half, 96, ForwardVariant::Plain>>(parameters, multiprocessors, stream);
}

}  // namespace elastic
