// Row-wise kernels for 16-bit floats in aligned rows, eight elements a thread. Each returns false when it does not serve
// a call; the kernels of row_kernels.h then do.
#pragma once
#include <cuda_runtime_api.h>

#include "addon/values/numeric.h"
#include "addon/values/rotation.h"

namespace elastic {

bool try_rms_norm_vectors(const Matrix& input, const Matrix& weight, const Matrix& output, float epsilon,
                          cudaStream_t stream);
bool try_head_norm_vectors(const Matrix& heads, const Matrix& weight, float epsilon, cudaStream_t stream);
bool try_rotary_vectors(const Matrix& heads, const Matrix& positions, const Matrix& cosine, const Matrix& sine,
                        const Rotation& rotation, cudaStream_t stream);

}  // namespace elastic
