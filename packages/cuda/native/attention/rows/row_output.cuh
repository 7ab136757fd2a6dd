// Where the rows of row attention go: to the output, or to the parts that are joined.
#pragma once
#include "attention/rows/row_attention.h"
#include "core/elements/floats.cuh"

namespace elastic {

/** Writes one row's result, or its part of it when the keys are split. */
template <typename Out>
__device__ void write_row(const RowAttention& call, int split, int64_t row, int head, int column, float value) {
  if (call.splits == 1) {
    static_cast<Out*>(call.output)[row * call.output_stride + head * call.head_dim + column] = from_float<Out>(value);
    return;
  }
  const int64_t at = ((split * call.tokens + row) * call.num_query_heads + head) * (call.head_dim + 2);
  call.partial[at + column] = value;
}

/** Log-sum-exp of a row, in units of log2, or the maximum and the sum of a part. */
__device__ inline void write_sums(const RowAttention& call, int split, int64_t row, int head, float maximum, float sum) {
  if (call.splits == 1) {
    if (call.log_sum_exp == nullptr) return;
    const bool nothing = sum == 0;
    call.log_sum_exp[row * call.num_query_heads + head] =
        nothing ? INFINITY : (maximum + log2f(sum)) * 0.693147180559945f;
    return;
  }
  const int64_t at = ((split * call.tokens + row) * call.num_query_heads + head) * (call.head_dim + 2);
  call.partial[at + call.head_dim] = maximum;
  call.partial[at + call.head_dim + 1] = sum;
}

}  // namespace elastic
