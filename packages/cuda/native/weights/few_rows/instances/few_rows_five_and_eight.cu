#include "weights/few_rows/few_rows_instances.h"
#include "weights/few_rows/few_rows_kernel.cuh"

namespace elastic::weights {

void few_rows_q5_0(const FewRows& call, cudaStream_t stream) { launch_few_rows<StagedRecords<RecordsQ5_0>>(call, stream); }
void few_rows_q5_1(const FewRows& call, cudaStream_t stream) { launch_few_rows<StagedRecords<RecordsQ5_1>>(call, stream); }
void few_rows_q8_0(const FewRows& call, cudaStream_t stream) { launch_few_rows<StagedRecords<RecordsQ8_0>>(call, stream); }

}  // namespace elastic::weights
