#include "weights/few_rows/few_rows_instances.h"
#include "weights/few_rows/few_rows_kernel.cuh"

namespace elastic::weights {

void few_rows_i4(const FewRows& call, cudaStream_t stream) {
  switch (groups_in_record(call.weight.shape.block_inputs)) {
    case 1:
      return launch_few_rows<StagedRecords<RecordsI4<1>>>(call, stream);
    case 2:
      return launch_few_rows<StagedRecords<RecordsI4<2>>>(call, stream);
    default:
      return launch_few_rows<StagedRecords<RecordsI4<4>>>(call, stream);
  }
}

}  // namespace elastic::weights
