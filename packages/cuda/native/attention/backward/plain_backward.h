// Attention backward in plain arithmetic: any types, sizes, blocks and devices.
#pragma once
#include <cuda_runtime_api.h>

#include "addon/values/numeric.h"
#include "attention/tables/attention_tables.h"

namespace elastic {

/** What a sequence reads and writes, in any float types: [slots, head_dim]. */
struct PlainBackwardSequence {
  Matrix keys;
  Matrix values;
  Matrix key_gradient;
  Matrix value_gradient;
};

struct PlainBackward {
  /** [tokens, numQueryHeads * headDim], any float types. */
  Matrix query;
  Matrix output;
  Matrix output_gradient;
  Matrix query_gradient;
  /** F32 [tokens, numQueryHeads]. */
  Matrix log_sum_exp;
  /** F32 [tokens, numQueryHeads]: workspace for rowsum(dO * O). */
  float* row_sums;
  /** Device tables. */
  const SequenceEntry* sequences;
  const HeadEntry* heads;
  const PlainBackwardSequence* tensors;
  int num_sequences;
  int num_query_heads;
  int num_key_value_heads;
  int head_dim;
  /** Rows and keys of the longest sequence. */
  int most_rows;
  int most_keys;
  float scale;
  /** 0 for none. */
  float soft_cap;
  bool accumulate;
};

/** Sums in one order: repeated runs give the same bits. @throws std::range_error for head sizes above 3072 */
void launch_plain_backward(const PlainBackward& call, cudaStream_t stream);

}  // namespace elastic
