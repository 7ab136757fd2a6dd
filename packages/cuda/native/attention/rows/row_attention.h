// Attention of few query rows at a time, for any device: decode steps, and everything that the tile kernels do not serve.
#pragma once
#include <cuda_runtime_api.h>

#include "addon/values/numeric.h"
#include "attention/softmax/score_terms.h"
#include "attention/tables/attention_tables.h"

namespace elastic {

/** One launch over all sequences and heads. */
struct RowAttention {
  const void* query;
  int64_t query_stride;
  void* output;
  int64_t output_stride;
  /** F32 [tokens, numQueryHeads], or null. */
  float* log_sum_exp;
  const SequenceEntry* sequences;
  const HeadEntry* heads;
  int num_sequences;
  int num_query_heads;
  int num_key_value_heads;
  int head_dim;
  /** Rows of the longest sequence. */
  int most_rows;
  DType query_dtype;
  DType cache_dtype;
  DType output_dtype;
  ScoreTerms scores;
  /** Parts that the keys of a row are split into; partial results go through `partial`. */
  int splits;
  /** F32 [splits, tokens of all sequences, numQueryHeads, head_dim + 2]; not used for one split. */
  float* partial;
  int64_t tokens;
};

/** Whether the tensor-core kernel serves these types and sizes; the plain one serves all. */
bool row_attention_uses_tensor_cores(const RowAttention& call);
/** Rows that a thread block of the tensor-core kernel takes together. */
int rows_per_block(int group);
void launch_row_attention(const RowAttention& call, cudaStream_t stream);
/** The same for any types and sizes; takes no splits. */
void launch_plain_row_attention(const RowAttention& call, cudaStream_t stream);

}  // namespace elastic
