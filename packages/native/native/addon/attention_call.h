#pragma once
#include <cstdint>
#include <vector>

#include "addon/call.h"
#include "addon/numeric.h"

namespace elastic {

/** Which blocks a head reads; mirrors `BlockPattern`. */
struct HeadPattern {
  enum class Type : int { Full = 0, Streaming = 1, Selected = 2 };
  Type type;
  int64_t sink_blocks;
  int64_t local_blocks;
  /** Tokens; 1 for Full. */
  int64_t block_size;
};

/** Where a head keeps its tokens; mirrors `HeadStore`. `ring_tokens` is 0 for a store of all tokens. */
struct HeadStore {
  int64_t first_slot;
  int64_t num_slots;
  int64_t sink_tokens;
  int64_t ring_tokens;

  /** Row of the key and value tensors for a position that is retained. */
  int64_t slot(int64_t position) const {
    if (ring_tokens == 0 || position < sink_tokens) return first_slot + position;
    return first_slot + sink_tokens + position % ring_tokens;
  }
  /** Whether the head still holds a position when `length` tokens were seen. */
  bool retains(int64_t position, int64_t length) const {
    return position < length && (ring_tokens == 0 || position < sink_tokens || position >= length - ring_tokens);
  }
  /** Positions from `position` on that lie in consecutive slots. */
  int64_t contiguous(int64_t position) const {
    if (ring_tokens == 0) return INT64_MAX;
    return position < sink_tokens ? sink_tokens - position : ring_tokens - position % ring_tokens;
  }
};

/** Reads the store of one head from a call and checks it against the slots there are. */
HeadStore read_head_store(Call& call, int64_t slots);

/** One sequence of an attention call; mirrors `AttentionSequence`. */
struct AttentionSequence {
  int64_t start;
  int64_t length;
  int64_t cache_length;
  /** [slots, headDim]. */
  Matrix keys;
  Matrix values;
  /** u8 [numQueryHeads * mask_query_blocks, key blocks], or no data. */
  Matrix mask;
  int64_t mask_query_blocks;
  std::vector<HeadPattern> patterns;
  std::vector<HeadStore> stores;

  /** Position of a query row, counted from this sequence's first. */
  int64_t position(int64_t row) const { return cache_length - length + row; }
};

/** Attention of all heads and sequences; mirrors `HybridAttentionCall`. */
struct AttentionCall {
  /** [tokens, num_query_heads * head_dim]. */
  Matrix query;
  Matrix output;
  /** F32 [tokens, num_query_heads], or no data. */
  Matrix log_sum_exp;
  int64_t num_query_heads;
  int64_t head_dim;
  float scale;
  std::vector<AttentionSequence> sequences;

  /** Reads and checks the arguments. */
  static AttentionCall read(Call& call);
  const char* query_row(int64_t row, int64_t head) const {
    return query.row(row) + head * head_dim * byte_size(query.dtype);
  }
};

}  // namespace elastic
