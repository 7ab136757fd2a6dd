// What an attention call reads of its sequences and heads, as tables in device memory.
#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>

#include "addon/values/pattern_type.h"

namespace elastic {

/** What a head reads; mirrors `BlockPattern`. */
struct PatternEntry {
  PatternType type;
  /** Of a threshold: the bits of its factor. */
  int32_t sink_blocks;
  /** Of a sliding window: its tokens. */
  int32_t local_blocks;
  /** Tokens; 1 for Full, Sliding and Threshold. */
  int32_t block_size;
  /** Of Pages: blocks that are chosen besides sink and window; see {@link chosen_pages}. */
  int32_t budget_pages = 0;
  int32_t budget_parts = 0;

#ifdef __CUDACC__
  /** How far above a tile's scores a row's running maximum must lie for the tile to be skipped: 0 or below, in units of log2; -infinity where nothing is skipped. */
  __device__ float skip_limit(int32_t keys_seen) const {
    return type == PatternType::Threshold ? fminf(0.0f, log2f(__int_as_float(sink_blocks) / static_cast<float>(keys_seen))) : -INFINITY;
  }
#endif

  /** Whether the head reads a sink and a window: a sliding window is one in blocks of one token, which follows each row. */
  __host__ __device__ bool has_window() const {
    return type == PatternType::Streaming || type == PatternType::Sliding || type == PatternType::Pages;
  }
};

/** Pages that are chosen of `candidates` when the sequence has `length` tokens; mirrors `chosenPages`. */
__host__ __device__ inline int32_t chosen_pages(int32_t budget_pages, int32_t budget_parts, int32_t page_tokens, int32_t length, int32_t candidates) {
  const int64_t share = int64_t{65536} * page_tokens;
  const int64_t wanted = budget_pages + (static_cast<int64_t>(length) * budget_parts + share - 1) / share;
  return static_cast<int32_t>(wanted < candidates ? wanted : candidates);
}

/** One key-value head of one sequence: its pattern and where it keeps its tokens (mirrors `HeadStore`). */
struct HeadEntry : PatternEntry {
  int32_t first_slot;
  int32_t num_slots;
  int32_t sink_tokens;
  /** 0 for a store of all tokens. */
  int32_t ring_tokens;

  /** Slot of a retained position; `SequenceEntry::row` says where it lies. */
  __host__ __device__ int32_t slot(int32_t position) const {
    if (ring_tokens == 0 || position < sink_tokens) return first_slot + position;
    return first_slot + sink_tokens + position % ring_tokens;
  }
};

/** Patterns of a sequence's heads that a kernel ahead chooses. */
struct DecisionEntry {
  static constexpr int kMostChoices = 4;
  /** By head: index of its pattern. */
  const uint8_t* choice;
  /** Of the sequence in the table of heads. */
  int32_t first_head;
  int32_t num_choices;
  PatternEntry choices[kMostChoices];
};

/** One sequence of a call; mirrors `AttentionSequence`. */
struct SequenceEntry {
  const void* keys;
  const void* values;
  /** u8 [numQueryHeads * mask_query_blocks, mask_key_blocks], or null. */
  const uint8_t* mask;
  int32_t query_start;
  int32_t query_length;
  int32_t key_length;
  int32_t mask_query_blocks;
  int32_t mask_key_blocks;
  /** Rows of keys and values. */
  int32_t num_slots;
  /** Tokens of a page as a power of two. */
  int32_t page_shift;
  /** Which pair of a launch's tensor maps is of these keys and values. */
  int32_t maps;
  /** Page of each page of slots; null where slot s is row s. */
  const int32_t* pages;
  /** I32 [2, numQueryHeads]: tiles that heads with a threshold skipped, and all that they looked at; or null. */
  int32_t* tile_counts;

  __device__ int32_t row(int32_t slot) const {
    if (pages == nullptr) return slot;
    return (pages[slot >> page_shift] << page_shift) + (slot & ((1 << page_shift) - 1));
  }

  /** Position of the first query. */
  __host__ __device__ int32_t offset() const { return key_length - query_length; }
};

}  // namespace elastic
