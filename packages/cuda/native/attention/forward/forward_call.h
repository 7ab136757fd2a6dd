// A prefill attention call as the host sees it, for any device.
#pragma once
#include <vector>

#include "attention/forward/forward_sm90.h"
#include "attention/softmax/score_terms.h"

namespace elastic {

struct ForwardCall {
  /** [tokens, numQueryHeads, headDim], rows `query_stride` elements apart. */
  const void* query;
  int64_t query_stride;
  int64_t tokens;
  void* output;
  int64_t output_stride;
  float* log_sum_exp;
  void* sparse_output;
  float* sparse_log_sum_exp;
  int num_query_heads;
  int num_key_value_heads;
  int head_dim;
  HalfType type;
  ScoreTerms scores;
  /** Pointers in the entries are device pointers. */
  std::vector<SequenceEntry> sequences;
  /** [sequences, numKeyValueHeads]. */
  std::vector<HeadEntry> heads;
  /** Of the sequences whose patterns a kernel ahead chooses. */
  std::vector<DecisionEntry> decisions;
  /** The first sequence of each pair of keys and values. */
  std::vector<size_t> stores;
  /** Whether a head has a sliding window or a threshold; Hopper alone has these, and other terms of the scores than a scale. */
  bool row_patterns = false;

  /** Adds a sequence, whose heads the caller then adds, or returns false where one launch cannot take it too. */
  bool add(SequenceEntry sequence);
};

/** Device memory that a call needs besides its tensors: its tables and its schedule. */
size_t forward_workspace_bytes(const ForwardCall& call);
/** Bytes at the start of the workspace that the host fills. */
size_t forward_table_bytes(const ForwardCall& call);
/** Writes what belongs at the start of the workspace. */
void write_forward_tables(const ForwardCall& call, void* host);
/**
 * Launches the call by the kernel for this compute capability; its tables must be in the workspace by stream order.
 * Devices other than Hopper have no dual forward.
 */
void run_forward(const ForwardCall& call, void* workspace, int capability, int multiprocessors, cudaStream_t stream);

}  // namespace elastic
