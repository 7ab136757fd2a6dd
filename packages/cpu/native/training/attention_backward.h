// Attention's backward in tiles of query rows by groups of keys.
#pragma once
#include "attention/prefill/query_tiles.h"
#include "floats/gradients/gradient_table.h"
#include "training/training_attention.h"

namespace elastic {

/** Query rows that are computed together. */
constexpr int64_t kBackwardRows = 128;
/** Keys of a group: a step never crosses from one to the next. */
constexpr int64_t kBackwardKeys = 128;

/** Keys and values of one key-value head by position, in the element type of a kernel, zero where nothing is read. */
struct BackwardKeys {
  /** [positions][width]. */
  char* keys;
  char* values;
  /** [groups][width][kBackwardKeys]. */
  char* key_columns;
  /** Head dimension, padded to whole panels. */
  int64_t width;
};

/** One tile of queries as a kernel reads it. */
struct BackwardTile {
  const QueryTile* tile;
  /** Made by `pack_tile`. */
  char* packed;
  /** Rows, padded to whole squares: at most kBackwardRows. */
  int64_t padded_rows;
  int64_t width;
};

/** One step: the keys of a group from `start` on, whole squares, of which positions [low, high) count. */
struct BackwardStep {
  int64_t start;
  int64_t keys;
  int64_t low;
  int64_t high;
  /** [keys][width], added to; without the scale. */
  float* key_gradients;
  float* value_gradients;
  /** [width][padded_rows], added to; without the scale. */
  float* query_gradient;
};

/** How an instruction set packs and computes. */
struct BackwardKernel {
  /** Bytes of an element of packed keys. */
  int64_t element_bytes;
  void (*pack_keys)(const CacheRows& keys, const CacheRows& values, int64_t block, int64_t head_dim, const BackwardKeys& packed);
  int64_t (*tile_bytes)(int64_t padded_rows, int64_t width);
  void (*pack_tile)(const AttentionBackward& backward, const BackwardTile& tile);
  void (*step)(const BackwardTile& tile, const BackwardKeys& keys, const ScoreFactors& factors, const BackwardStep& step);
};

/** What every tile holds first: log-sum-exp in units of log2 (infinity behind the last row), and rowsum(dO · O). */
struct RowStatistics {
  float log_sum_exp[kBackwardRows];
  float delta[kBackwardRows];
};
RowStatistics& row_statistics(const AttentionBackward& backward, const BackwardTile& tile);

/** The first square of a tile's rows that sees keys from position `key` on, a square of them. */
static inline int64_t first_square(const QueryTile& tile, int64_t key) {
  return key > tile.position ? (key - tile.position) / kKeyBlock : 0;
}

/** Float kernels of every instruction set, any head dimension, f32 and bf16. */
const BackwardKernel& generic_backward_kernel();
/** AVX512_BF16 and AMX: bf16 queries, gradients and cache, head dimension a multiple of 32. */
const BackwardKernel& bf16_backward_kernel();

}  // namespace elastic
