#pragma once
#include <cuda_runtime_api.h>

#include "addon/values/numeric.h"
#include "weights/weight_segment.h"

namespace elastic::weights {

/**
 * Puts a matrix in GGUF's blocks into the records of a segment, which are zero before.
 * @param source U8 [outputs, bytes of a row]
 * @param first_output of the segment that the matrix begins at
 * @param broken set to 1 where a scale or minimum is not finite
 */
void pack_blocks(const Matrix& source, const WeightSegment& segment, int64_t first_output, int32_t* broken, cudaStream_t stream);

}  // namespace elastic::weights
