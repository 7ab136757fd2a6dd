// Row-wise kernels over device memory; shapes have been checked.
#pragma once
#include <cuda_runtime_api.h>

#include "addon/values/numeric.h"
#include "addon/values/rotation.h"

namespace elastic {

void launch_rms_norm(const Matrix& input, const Matrix& weight, const Matrix& output, float epsilon,
                     cudaStream_t stream);
void launch_head_norm(const Matrix& heads, const Matrix& weight, float epsilon, cudaStream_t stream);
/** A position outside of the tables gives NaN. */
void launch_rotary(const Matrix& heads, const Matrix& positions, const Matrix& cosine, const Matrix& sine,
                   const Rotation& rotation, cudaStream_t stream);
/** factor · table[ids]; a token outside of the table gives NaN. */
void launch_embedding(const Matrix& ids, const Matrix& table, const Matrix& output, float factor, cudaStream_t stream);
/** a + factor · b. */
void launch_add(const Matrix& a, const Matrix& b, const Matrix& output, float factor, cudaStream_t stream);
/** Adds a row to every row. */
void launch_add_row(const Matrix& row, const Matrix& output, bool accumulate, cudaStream_t stream);
void launch_cast(const Matrix& input, const Matrix& output, cudaStream_t stream);
/** Rows in triples: from, to, count. */
void launch_copy_spans(const Matrix& source, const Matrix& destination, const int32_t* spans, int64_t count,
                       cudaStream_t stream);

}  // namespace elastic
