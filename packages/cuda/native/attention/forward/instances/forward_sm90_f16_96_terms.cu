#include "attention/forward/forward_sm90.cuh"

namespace elastic {

cudaError_t forward_sm90_f16_96_terms(const ForwardParameters& parameters, int multiprocessors, cudaStream_t stream) {
  return launch_forward<ForwardTraits<__half, 96, ForwardVariant::Terms>>(parameters, multiprocessors, stream);
}

}  // namespace elastic
