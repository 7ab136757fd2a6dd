// Attention backward for Hopper: gradients of queries, keys and values, each head by its own pattern.
#pragma once
#include <cuda.h>
#include <cuda_runtime_api.h>

#include "addon/values/numeric.h"
#include "attention/tables/attention_tables.h"
#include "attention/tiles/tile_shape.h"

namespace elastic {

/** Query rows of a tile: as many as two warp groups have registers for beside dK and dV of 128 keys. */
__host__ __device__ constexpr int query_rows(int head_dim) { return head_dim == 64 ? 128 : 64; }
/** Sequences of one launch: their tensor maps are kernel parameters. */
constexpr int kMaxSequences = 48;

/**
 * Items of work: consecutive key tiles of one head, each against a range of query tiles of all query heads of its group: all
 * of them, unless the call has too few items to keep the multiprocessors equally busy.
 */
struct BackwardSegment {
  /** Number of all items before this segment. */
  int32_t first_item;
  int32_t sequence;
  int32_t key_value_head;
  int32_t first_key_tile;
  /** 1 where key tiles ascend and their query tiles descend, -1 where it is the other way round. */
  int32_t direction;
  /** Query tiles, counted from position 0. */
  int32_t first_tile;
  int32_t end_tile;
  /** Parts of the sequence's query tiles, and which one this is, counted from the last. */
  int32_t parts;
  int32_t part;
};

/** Where the gradients of a sequence's keys and values go, and where its query tiles start in the workspace. */
struct BackwardSequence {
  Matrix keys;
  Matrix values;
  /** Query tiles of the sequences before this one. */
  int32_t first_tile;
  /** Number of the sequence's first query tile, counted from position 0. */
  int32_t tile_offset;
  /** Key tiles of a head that queries of more than one part see, and the place of the first head's in `key_sums`. */
  int32_t shared_key_tiles;
  int32_t first_key_sums;
};

struct BackwardParameters {
  /** Of each sequence's rows alone: rows outside of it arrive as zeros. */
  CUtensorMap query[kMaxSequences];
  CUtensorMap output_gradient[kMaxSequences];
  CUtensorMap keys[kMaxSequences];
  CUtensorMap values[kMaxSequences];
  const SequenceEntry* sequences;
  const HeadEntry* heads;
  const BackwardSequence* gradients;
  const BackwardSegment* segments;
  int32_t num_segments;
  int32_t num_items;
  /** The next item to take; zero before the launch. */
  int32_t* next_item;
  /** F32 [query heads, query tiles, 2, query rows]: LSE in base 2 and D = rowsum(dO ∘ O); see `row_term_index`. */
  float* row_terms;
  /** Sums of dQ: F32 [query heads, query tiles, query rows * head_dim], unscaled, in the layout of the accumulators. */
  float* query_sums;
  /** Sums of dV and dK: F32 [shared key tiles, 2, 128 * head_dim], unscaled, in that layout too. */
  float* key_sums;
  /** Order counters of dQ, [query heads, query tiles, 2]: one more than the key tile added last. Null unless deterministic. */
  int32_t* query_order;
  /** Order counters of dV and dK, [shared key tiles, 2, 2]: the parts added so far. Null unless deterministic. */
  int32_t* key_order;
  int32_t num_tiles;
  int32_t num_key_sums;
  int32_t num_query_heads;
  int32_t num_key_value_heads;
  float scale;
  bool accumulate;
};

/** Rows of the call as the kernels around the tile kernel read and write them. */
struct BackwardRows {
  /** [tokens, numQueryHeads, headDim] of the element type. */
  Matrix output;
  Matrix output_gradient;
  /** Any float type. */
  Matrix query_gradient;
  /** F32 [tokens, numQueryHeads]. */
  Matrix log_sum_exp;
  int num_sequences;
};

/** Fills the row terms and clears the sums of dQ. */
void launch_backward_row_terms(const BackwardParameters& parameters, const BackwardRows& rows, int head_dim, HalfType type,
                           cudaStream_t stream);
cudaError_t launch_backward_sm90(const BackwardParameters& parameters, int head_dim, HalfType type, int multiprocessors,
                                 cudaStream_t stream);
/** Writes dQ, and dK and dV of shared key tiles, from their sums. */
void launch_backward_gradients(const BackwardParameters& parameters, const BackwardRows& rows, int head_dim,
                          cudaStream_t stream);

/** Index of a row in its tile's row terms: the four that a thread needs of 16 rows are adjacent. */
__host__ __device__ constexpr int row_term_index(int row) {
  return row / 16 * 16 + row % 8 / 2 * 4 + row / 8 % 2 * 2 + row % 2;
}

}  // namespace elastic
