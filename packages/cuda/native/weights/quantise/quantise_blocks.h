// Floats rounded to GGUF's blocks.
#pragma once
#include <cuda_runtime_api.h>

#include "addon/values/numeric.h"
#include "weights/weight_segment.h"

namespace elastic::weights {

/** Whether floats are rounded to the format here. */
inline bool quantises(WeightFormat format) { return format == WeightFormat::Q8_0 || format == WeightFormat::Q4_K; }

/**
 * Rounds finite floats by the rules of the host's `quantiseQ8_0` and `quantiseQ4_K`, in float64 as there.
 * @param blocks as files have them, row after row, at a multiple of 4 bytes
 */
void quantise_blocks(const Matrix& input, WeightFormat format, char* blocks, cudaStream_t stream);

}  // namespace elastic::weights
