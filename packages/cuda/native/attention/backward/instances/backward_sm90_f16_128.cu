#include "attention/backward/backward_sm90.cuh"

namespace elastic {

cudaError_t backward_sm90_f16_128(const BackwardParameters& parameters, int multiprocessors, cudaStream_t stream) {
  return launch_backward<__half, 128>(parameters, multiprocessors, stream);
}

}  // namespace elastic
