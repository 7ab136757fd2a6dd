// Attention forward in tiles for devices before Hopper: the same tables, schedule and patterns, without tensor copies.
#pragma once
#include <cuda_runtime_api.h>

#include "attention/tiles/schedule.h"
#include "attention/tiles/tile_shape.h"

namespace elastic {

struct MmaForwardParameters {
  /** [tokens, numQueryHeads, headDim], rows `query_stride` elements apart. */
  const void* query;
  int64_t query_stride;
  void* output;
  int64_t output_stride;
  /** F32 [tokens, numQueryHeads], or null. */
  float* log_sum_exp;
  const SequenceEntry* sequences;
  const HeadEntry* heads;
  Schedule schedule;
  int32_t num_query_heads;
  int32_t num_key_value_heads;
  float scale_log2;
};

/** Whether there is a kernel for this head size. */
constexpr bool forward_mma_has(int head_dim) { return head_dim % 32 == 0 && head_dim <= 128; }

/** Launches over all multiprocessors; the schedule must have been built on the same stream. */
cudaError_t launch_forward_mma(const MmaForwardParameters& parameters, int head_dim, HalfType type, int multiprocessors,
                               cudaStream_t stream);

}  // namespace elastic
