#pragma once
#include <cuda_runtime_api.h>

#include "weights/weight_segment.h"

namespace elastic::weights {

/**
 * Rounds some outputs of a segment to bf16.
 * @param first a multiple of 16
 * @param panel bf16 [count, inputs]
 */
void unpack_weights(const WeightSegment& segment, int64_t first, int64_t count, void* panel, cudaStream_t stream);

}  // namespace elastic::weights
