#include "weights/few_rows/few_rows_instances.h"
#include "weights/few_rows/few_rows_kernel.cuh"

namespace elastic::weights {

void few_rows_e4m3(const FewRows& call, cudaStream_t stream) { launch_few_rows<StagedBytes<E4M3Pairs>>(call, stream); }
void few_rows_i8(const FewRows& call, cudaStream_t stream) { launch_few_rows<StagedBytes<SignedBytePairs>>(call, stream); }

}  // namespace elastic::weights
