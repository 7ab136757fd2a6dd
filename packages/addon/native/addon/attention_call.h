#pragma once
#include <cstdint>
#include <cstring>
#include <vector>

#include "addon/values/numeric.h"
#include "addon/values/pattern_type.h"

namespace elastic {

class Call;

inline float bits_as_float(int32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

/** Which blocks a head reads; mirrors `BlockPattern`. */
struct HeadPattern {
  using Type = PatternType;
  Type type;
  /** Of a threshold: the bits of its factor. */
  int64_t sink_blocks;
  /** Of a sliding window: its tokens. */
  int64_t local_blocks;
  /** Tokens; 1 for Full, Sliding and Threshold. */
  int64_t block_size;

  /** What the tiles that a threshold skips may weigh in all, in weights of the heaviest key; 0: nothing is skipped. */
  float skip_factor() const { return type == Type::Threshold ? bits_as_float(static_cast<int32_t>(sink_blocks)) : 0.0f; }

  /** Keys that a query sees at the most, its own included, where that is told row by row. */
  int64_t window() const { return type == Type::Sliding ? local_blocks : kNoWindow; }
  /** Larger than any position, and small enough to be added to one. */
  static constexpr int64_t kNoWindow = int64_t{1} << 62;
};

/** Where the slots of a cache lie; mirrors `PageTable`. Without pages, slot s is row s. */
struct PageTable {
  /** In the backend's memory; null without pages. */
  const int32_t* entries = nullptr;
  int64_t num_entries = 0;
  /** Tokens of a page as a power of two. */
  int shift = 0;

  int64_t row(int64_t slot) const {
    if (entries == nullptr) return slot;
    return (static_cast<int64_t>(entries[slot >> shift]) << shift) + (slot & ((int64_t{1} << shift) - 1));
  }
};

/** Reads a page table, or none, from a call. */
PageTable read_page_table(Call& call);

/** Where a head keeps its tokens; mirrors `HeadStore`. `ring_tokens` is 0 for a store of all tokens. */
struct HeadStore {
  int64_t first_slot;
  int64_t num_slots;
  int64_t sink_tokens;
  int64_t ring_tokens;
  PageTable pages;

  /** Row of the key and value tensors for a position that is retained; where the host can read the page table. */
  int64_t slot(int64_t position) const {
    if (ring_tokens == 0 || position < sink_tokens) return pages.row(first_slot + position);
    return pages.row(first_slot + sink_tokens + position % ring_tokens);
  }
  /** Whether the head still holds a position when `length` tokens were seen. */
  bool retains(int64_t position, int64_t length) const {
    return position < length && (ring_tokens == 0 || position < sink_tokens || position >= length - ring_tokens);
  }
  /** Positions from `position` on that lie in consecutive rows. */
  int64_t contiguous(int64_t position) const {
    // Sink and ring are whole pages.
    if (pages.entries != nullptr) return (int64_t{1} << pages.shift) - (position & ((int64_t{1} << pages.shift) - 1));
    if (ring_tokens == 0) return INT64_MAX;
    return position < sink_tokens ? sink_tokens - position : ring_tokens - position % ring_tokens;
  }
};

/** Reads the store of one head from a call and checks it against the slots there are: rows, or those of the pages. */
HeadStore read_head_store(Call& call, int64_t rows, const PageTable& pages = {});

/** One sequence of an attention call; mirrors `AttentionSequence`. */
struct AttentionSequence {
  /** Patterns that a decision may choose from. */
  static constexpr int64_t kMostChoices = 4;

  int64_t start;
  int64_t length;
  int64_t cache_length;
  /** [slots, headDim]. */
  Matrix keys;
  Matrix values;
  PageTable pages;
  /** u8 [numQueryHeads * mask_query_blocks, key blocks], or no data. */
  Matrix mask;
  int64_t mask_query_blocks;
  /** I32 [2, numQueryHeads]: tiles skipped, and tiles looked at, by heads with a threshold; or no data. */
  Matrix tile_counts;
  /** U8 [1, heads]: each head's pattern in `choices`, as a kernel ahead writes it; or no data. */
  Matrix decision;
  std::vector<HeadPattern> choices;
  /** Where a decision chooses, those of the first choice stand here until it is known. */
  std::vector<HeadPattern> patterns;
  std::vector<HeadStore> stores;

  /** The same with the patterns that its decision chooses: waits for the kernel that decides. */
  AttentionSequence decided() const;
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
  /** Cap of the scaled scores: s becomes soft_cap · tanh(s / soft_cap); 0 for none. */
  float soft_cap;
  /** F32 [1, num_query_heads]: a logit of each head's softmax that has no value; or no data. */
  Matrix sink_logits;
  std::vector<AttentionSequence> sequences;

  bool same_scores(const AttentionCall& other) const {
    return scale == other.scale && soft_cap == other.soft_cap && sink_logits.data == other.sink_logits.data;
  }

  /** Reads and checks the arguments; `decisions`: whether a kernel ahead may choose patterns. */
  static AttentionCall read(Call& call, bool decisions = false);
  const char* query_row(int64_t row, int64_t head) const {
    return query.row(row) + head * head_dim * byte_size(query.dtype);
  }
};

}  // namespace elastic
