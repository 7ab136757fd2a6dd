#include "attention/backward/backward_sm90.cuh"

namespace elastic {

cudaError_t backward_sm90_bf16_64(const BackwardParameters& parameters, int multiprocessors, cudaStream_t stream) {
  return launch_backward<__nv_bfloat16, 64>(parameters, multiprocessors, stream);
}

}  // namespace elastic
