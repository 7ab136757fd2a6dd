#pragma once
#include "addon/attention_call.h"
#include "attention/prefill/query_tiles.h"

namespace elastic {

/** Query rows that are computed together. */
constexpr int64_t kTileRows = 32;
/** Keys of one step of the online softmax. */
constexpr int64_t kStepKeys = 128;

/** Keys and values of one key-value head, by position, in the layout of a kernel. */
struct PackedHead {
  char* keys;
  char* values;
  int64_t head_dim;
  /** Blocks of 32 positions. */
  int64_t blocks;
};

/** How an instruction set packs blocks of 32 positions of a head and attends over them. */
struct PrefillKernel {
  /** Bytes of keys, and of values, of one position. */
  int64_t (*position_bytes)(int64_t head_dim);
  void (*pack_keys)(const CacheRows& source, int64_t block, const PackedHead& head);
  void (*pack_values)(const CacheRows& source, int64_t block, const PackedHead& head);
  void (*attend)(const AttentionCall& call, const QueryTile& tile, const Range* ranges, const PackedHead& head);
};

/**
 * Calls step(range, start, keys) for every step of a tile: `keys` keys, whole blocks, from position `start`, of which those
 * of the range count. Internal linkage: each instruction set has its own.
 */
template <typename Step>
static inline void for_each_step(const QueryTile& tile, const Range* ranges, const Step& step) {
  for (std::size_t index = tile.first_range; index < tile.last_range; ++index) {
    const Range& range = ranges[index];
    const int64_t last = (range.end + kKeyBlock - 1) / kKeyBlock * kKeyBlock;
    for (int64_t start = range.start / kKeyBlock * kKeyBlock; start < last;) {
      // A sliding window begins at another key in each tile: steps that end at multiples of their size sum each row in the
      // same order, however a prompt is cut into chunks.
      const int64_t in_step = tile.window == HeadPattern::kNoWindow ? 0 : start % kStepKeys;
      const int64_t stop = start + kStepKeys - in_step < last ? start + kStepKeys - in_step : last;
      step(range, start, stop - start);
      start = stop;
    }
  }
}

/** One set of patterns under which a sequence with many queries is computed. */
struct PrefillSide {
  const AttentionCall* call;
  const AttentionSequence* sequence;
};

/**
 * Attention of one sequence with many queries, on one side or on several, which differ in patterns and outputs only: keys
 * and values are packed once, and a tile that reads the same keys on the side before it is computed once.
 */
void prefill_attention(const std::vector<PrefillSide>& sides);
/** The same of one key-value head. */
void prefill_head(const std::vector<PrefillSide>& sides, int64_t head);

/** Float kernels of every instruction set, any head dimension, f32 and bf16. */
const PrefillKernel& generic_prefill_kernel();
/** AVX512_BF16 and AMX: bf16 queries, a cache in bf16 or rounded, head dimension a multiple of 32. */
const PrefillKernel& bf16_prefill_kernel();

}  // namespace elastic
