#include "attention/forward/forward_sm90.cuh"

namespace elastic {

cudaError_t forward_sm90_f16_64_wide(const ForwardParameters& parameters, int multiprocessors, cudaStream_t stream) {
  return launch_forward<ForwardTraits<__half, 64, ForwardVariant::Wide>>(parameters, multiprocessors, stream);
}

}  // namespace elastic
