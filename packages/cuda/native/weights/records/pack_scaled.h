// Matrices whose scales lie beside their numbers, as safetensors have them.
#pragma once
#include <cuda_runtime_api.h>

#include "addon/values/numeric.h"
#include "weights/weight_segment.h"

namespace elastic::weights {

/**
 * Copies bytes [outputs, inputs] and their scales to a segment in byte rows.
 * @param broken set to 1 where a scale is not finite, or a byte of e4m3 no number
 */
void pack_bytes(const Matrix& source, const Matrix& scales, const WeightSegment& segment, int64_t first_output, int32_t* broken,
                cudaStream_t stream);

/**
 * Puts integers of four bits, two to a byte with the low one first, with scales and zero points of groups, into records that
 * are zero before.
 */
void pack_groups(const Matrix& source, const Matrix& scales, const Matrix& zeros, const WeightSegment& segment, int64_t first_output,
                 int32_t* broken, cudaStream_t stream);

}  // namespace elastic::weights
