#pragma once
#include "attention/visited_ranges.h"
#include "addon/attention_call.h"

namespace elastic {

/** Query rows that are computed together. */
constexpr int64_t kTileRows = 32;
/** Keys that are packed together; key positions of a step start at a multiple of it. */
constexpr int64_t kKeyBlock = 32;
/** Keys of one step of the online softmax. */
constexpr int64_t kStepKeys = 128;

/** Consecutive query rows of one head that read the same blocks: they never cross a block boundary of the pattern. */
struct PrefillTile {
  int64_t query_head;
  /** Row in the query tensor, and position of that row. */
  int64_t row;
  int64_t position;
  int64_t rows;
  /** Indices into the ranges of the head. */
  std::size_t first_range;
  std::size_t last_range;
  /** Keys to read. */
  int64_t cost;
};

/** Keys and values of one key-value head, by position, in the layout of a kernel. */
struct PackedHead {
  char* keys;
  char* values;
  int64_t head_dim;
  /** Blocks of 32 positions. */
  int64_t blocks;
};

/** Up to 32 rows of a cache; null where a position is not retained. */
struct CacheRows {
  const char* rows[kKeyBlock];
  DType dtype;
};

/** How an instruction set packs blocks of 32 positions of a head and attends over them. */
struct PrefillKernel {
  /** Bytes of keys, and of values, of one position. */
  int64_t (*position_bytes)(int64_t head_dim);
  void (*pack_keys)(const CacheRows& source, int64_t block, const PackedHead& head);
  void (*pack_values)(const CacheRows& source, int64_t block, const PackedHead& head);
  void (*attend)(const AttentionCall& call, const PrefillTile& tile, const Range* ranges, const PackedHead& head);
};

/**
 * Calls step(range, start, keys) for every step of a tile: `keys` keys, whole blocks, from position `start`, of which those
 * of the range count. Internal linkage: each instruction set has its own.
 */
template <typename Step>
static inline void for_each_step(const PrefillTile& tile, const Range* ranges, const Step& step) {
  for (std::size_t index = tile.first_range; index < tile.last_range; ++index) {
    const Range& range = ranges[index];
    for (int64_t start = range.start / kKeyBlock * kKeyBlock; start < range.end; start += kStepKeys) {
      const int64_t left = (range.end - start + kKeyBlock - 1) / kKeyBlock * kKeyBlock;
      step(range, start, left < kStepKeys ? left : kStepKeys);
    }
  }
}

/** Attention of one sequence with many queries. */
void prefill_attention(const AttentionCall& call, const AttentionSequence& sequence);

/** Float kernels of every instruction set, any head dimension, f32 and bf16. */
const PrefillKernel& generic_prefill_kernel();
/** AVX512_BF16 and AMX: bf16 queries and cache, head dimension a multiple of 32. */
const PrefillKernel& bf16_prefill_kernel();

}  // namespace elastic
