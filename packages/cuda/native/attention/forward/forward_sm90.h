// Attention forward for Hopper: every head of every sequence in one launch, each by its own pattern.
#pragma once
#include <cuda.h>
#include <cuda_runtime_api.h>

#include "attention/softmax/score_terms.h"
#include "attention/tiles/schedule.h"
#include "attention/tiles/tile_shape.h"

namespace elastic {

/** Pairs of K and V tensors of one launch: their tensor maps are kernel parameters. Sequences of a page pool share a pair. */
constexpr int kMaxMaps = 64;

struct ForwardParameters {
  CUtensorMap query;
  /** By `SequenceEntry::maps`. */
  CUtensorMap keys[kMaxMaps];
  CUtensorMap values[kMaxMaps];
  const SequenceEntry* sequences;
  const HeadEntry* heads;
  Schedule schedule;
  /** [tokens, numQueryHeads, headDim], rows `output_stride` elements apart. */
  void* output;
  int64_t output_stride;
  /** F32 [tokens, numQueryHeads], or null. */
  float* log_sum_exp;
  /** Dual forward: `output` gets full attention, these that of the heads' patterns; null otherwise. */
  void* sparse_output;
  float* sparse_log_sum_exp;
  int32_t num_query_heads;
  int32_t num_key_value_heads;
  /** Brings scores to units of log2. */
  float scale_log2;
  /** The same scale, with soft cap and sinks: of the variant that has them. */
  ScoreTerms scores;
};

/**
 * A dual forward also writes the sparse side; one with terms has soft caps, sinks, sliding windows and thresholds; a wide
 * one has tiles of 192 query rows and no selections of blocks.
 */
enum class ForwardVariant { Plain, Dual, Terms, Wide };

/** Query rows of a tile. */
constexpr int query_rows(ForwardVariant variant) { return variant == ForwardVariant::Wide ? 192 : kTile; }
/** Query rows of a box of the map of queries: the wide tile is copied in thirds. */
constexpr int query_box_rows(ForwardVariant variant) { return variant == ForwardVariant::Wide ? 64 : kTile; }

/** Whether a wide tile is faster for this head size: where the exponentials take as long as the products. */
constexpr bool forward_sm90_has_wide(int head_dim) { return head_dim == 64; }

/** Whether there is a kernel for this head size. */
constexpr bool forward_sm90_has(int head_dim) { return head_dim == 64 || head_dim == 96 || head_dim == 128; }

/** Launches over all multiprocessors; the schedule must have been built on the same stream. */
cudaError_t launch_forward_sm90(const ForwardParameters& parameters, ForwardVariant variant, int head_dim, HalfType type, int multiprocessors,
                                cudaStream_t stream);

}  // namespace elastic
