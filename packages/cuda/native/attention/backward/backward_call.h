// A backward call of the tile kernel as the host sees it.
#pragma once
#include <vector>

#include "attention/backward/backward_sm90.h"

namespace elastic {

/** The gradients of one sequence's keys and values: [slots, head_dim], any float type. */
struct CacheGradientTensors {
  Matrix keys;
  Matrix values;
};

struct BackwardCall {
  /** [tokens, numQueryHeads * headDim] of the element type, as are output and its gradient. */
  Matrix query;
  BackwardRows rows;
  int num_query_heads;
  int num_key_value_heads;
  int head_dim;
  HalfType type;
  float scale;
  bool accumulate;
  bool deterministic;
  /** Pointers in the entries are device pointers; at most kMaxSequences, none of them empty. */
  std::vector<SequenceEntry> sequences;
  /** [sequences, numKeyValueHeads]. */
  std::vector<HeadEntry> heads;
  std::vector<CacheGradientTensors> gradients;
};

/** Offsets of the parts of a call's workspace; the tables, which the host fills, come first. */
struct BackwardLayout {
  std::vector<BackwardSequence> places;
  std::vector<BackwardSegment> segments;
  int num_items = 0, num_tiles = 0, num_key_sums = 0;
  size_t sequences, heads, gradients, segments_at, next_item, table_bytes;
  size_t query_order, key_order, order_bytes, row_terms, key_sums, query_sums, bytes;

  explicit BackwardLayout(const BackwardCall& call);
};

/** Writes the tables at the start of the workspace. */
void write_backward_tables(const BackwardCall& call, const BackwardLayout& layout, void* host);
/** Launches the call; its tables must be in the workspace by stream order. */
void run_backward_sm90(const BackwardCall& call, const BackwardLayout& layout, void* workspace, int multiprocessors,
                       cudaStream_t stream);

}  // namespace elastic
