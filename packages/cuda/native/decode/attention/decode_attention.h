// Attention of one query row a sequence, or of several that follow each other, on Hopper: all keys of all heads shared out evenly
// over the multiprocessors.
#pragma once
#include <cuda_runtime_api.h>

#include "attention/forward/forward_sm90.h"
#include "attention/softmax/score_terms.h"
#include "decode/attention/key_units.h"

namespace elastic {

/** Query heads of one key-value head that the kernel takes. */
constexpr int kMostGroup = 16;
/** Query rows that read a head's keys together: heads of a group, of one token or several. */
constexpr int kTileRows = 16, kMostTiles = 2, kMostRows = kTileRows * kMostTiles;

struct DecodeAttention {
  /** Rows of [numQueryHeads, headDim]; row of a sequence: `SequenceEntry::query_start`. */
  const void* query;
  int64_t query_stride;
  void* output;
  int64_t output_stride;
  /** F32 [rows, numQueryHeads], or null. */
  float* log_sum_exp;
  /** By the first token of an item; `query_length` tokens of the sequence are attended together. */
  const SequenceEntry* sequences;
  const HeadEntry* heads;
  /** Entries from one sequence's heads to the next's. */
  int32_t head_stride;
  /** One for each thread block that is launched. */
  const DecodeShare* shares;
  const DecodeItem* items;
  int32_t num_query_heads;
  int32_t num_key_value_heads;
  ScoreTerms scores;
  /** Tokens of a sequence that an item has at most. */
  int32_t most_tokens;
  /** Parts of items: F32 [2 · blocks, rows, headDim + 4]. */
  float* partial;
  /** One for each item, zero between launches. */
  int32_t* arrived;
  /** Pages that each item has chosen, in ascending order: I32 [items, most_pages], written by the kernel before; or null. */
  const int32_t* chosen_pages;
  int32_t most_pages;
  /** Whether the kernel before writes nothing but queries and the newest token of each sequence, and chosen pages: this one then begins early. */
  bool early;
  /** Whether keys and values are rounded rows (`rounded_rows.h`); query and output are bf16 then. */
  bool rounded;
};

/** Memory that all launches of a device share, one after another: parts of items, and counters. */
struct DecodeMemory {
  float* partial;
  int32_t* arrived;
  static constexpr int kMostItems = 1 << 16;
  static const DecodeMemory& instance();
};

cudaError_t launch_rounded_decode_attention(const DecodeAttention& call, int head_dim, int multiprocessors, cudaStream_t stream);
cudaError_t launch_decode_attention(const DecodeAttention& call, int head_dim, HalfType type, int multiprocessors,
                                    cudaStream_t stream);

}  // namespace elastic
