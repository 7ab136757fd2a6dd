#include "weights/few_rows/few_rows_instances.h"
#include "weights/few_rows/few_rows_kernel.cuh"

namespace elastic::weights {

void few_rows_q4_0(const FewRows& call, cudaStream_t stream) { launch_few_rows<StagedRecords<RecordsQ4_0>>(call, stream); }
void few_rows_q4_1(const FewRows& call, cudaStream_t stream) { launch_few_rows<StagedRecords<RecordsQ4_1>>(call, stream); }
void few_rows_iq4_nl(const FewRows& call, cudaStream_t stream) { launch_few_rows<StagedRecords<RecordsIQ4_NL>>(call, stream); }

}  // namespace elastic::weights
