#include "weights/few_rows/few_rows_instances.h"
#include "weights/few_rows/few_rows_kernel.cuh"

namespace elastic::weights {

void few_rows_q4_k(const FewRows& call, cudaStream_t stream) { launch_few_rows<StagedRecords<RecordsQ4_K>>(call, stream); }
void few_rows_q5_k(const FewRows& call, cudaStream_t stream) { launch_few_rows<StagedRecords<RecordsQ5_K>>(call, stream); }
void few_rows_q6_k(const FewRows& call, cudaStream_t stream) { launch_few_rows<StagedRecords<RecordsQ6_K>>(call, stream); }

}  // namespace elastic::weights
