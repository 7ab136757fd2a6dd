// Partial results of rows whose keys were split over thread blocks.
#pragma once
#include "attention/rows/key_steps.cuh"
#include "attention/rows/row_attention.h"
#include "attention/softmax/score_terms.cuh"
#include "core/elements/floats.cuh"

namespace elastic {

constexpr int kJoinGroups = 4;

/**
 * Merges the parts of split rows by their log-sum-exp, always in the same order: each group of threads merges every
 * kJoinGroups-th part, then the groups are added up. One thread block for a row of one head.
 */
template <typename Out>
__global__ void join_splits(const RowAttention call) {
  extern __shared__ float shares[];
  __shared__ float totals[kJoinGroups];
  const int head = blockIdx.y, column = threadIdx.x, group = threadIdx.y;
  const int per_group = call.num_query_heads / call.num_key_value_heads;
  // The sequence that the row belongs to; decoding batches are short.
  const int64_t row = blockIdx.x;
  int index = 0;
  while (row < call.sequences[index].query_start || row >= call.sequences[index].query_start + call.sequences[index].query_length) {
    if (++index == call.num_sequences) return;
  }
  const SequenceEntry& sequence = call.sequences[index];
  const HeadEntry& entry = call.heads[index * call.num_key_value_heads + head / per_group];
  const int rows_in_tile = kRows / min(per_group, kRows);
  const int first_row = static_cast<int>(row - sequence.query_start) / rows_in_tile * rows_in_tile;
  const int last_row = min(first_row + rows_in_tile, sequence.query_length) - 1;
  const int parts = KeySteps(entry, sequence.offset() + first_row, sequence.offset() + last_row).parts(call.splits);
  const int64_t width = call.head_dim + 2, split_stride = call.tokens * call.num_query_heads * width;
  const float* part = call.partial + (row * call.num_query_heads + head) * width;
  const int thread = group * blockDim.x + column, threads = kJoinGroups * blockDim.x;
  for (int split = thread; split < parts; split += threads) {
    shares[2 * split] = part[split * split_stride + call.head_dim];
    shares[2 * split + 1] = part[split * split_stride + call.head_dim + 1];
  }
  __syncthreads();
  float maximum = -INFINITY;
  for (int split = 0; split < parts; ++split) maximum = fmaxf(maximum, shares[2 * split]);
  const float base = maximum == -INFINITY ? 0.0f : maximum;
  float value = 0, total = 0;
#pragma unroll 8
  for (int split = group; split < parts; split += kJoinGroups) {
    const float share = exp2_fast(shares[2 * split] - base);
    value = fmaf(part[split * split_stride + column], share, value);
    total = fmaf(shares[2 * split + 1], share, total);
  }
  float* values = shares + 2 * call.splits;
  values[thread] = value;
  if (column == 0) totals[group] = total;
  __syncthreads();
  if (group != 0) return;
  for (int other = 1; other < kJoinGroups; ++other) {
    value += values[other * blockDim.x + column];
    total += totals[other];
  }
  const RowTotal joined = with_sink(call.scores.sink_logits, head, maximum, total);
  static_cast<Out*>(call.output)[row * call.output_stride + head * call.head_dim + column] =
      from_float<Out>(total == 0 ? 0.0f : value * joined.share / joined.sum);
  if (column == 0 && call.log_sum_exp != nullptr) {
    call.log_sum_exp[row * call.num_query_heads + head] =
        total == 0 ? INFINITY : (joined.maximum + log2f(joined.sum)) * 0.693147180559945f;
  }
}

}  // namespace elastic
