// Key-value caches whose rows are in e4m3; see `rounded_rows.h`.
#pragma once
#include <cuda_runtime_api.h>

#include "addon/operations.h"
#include "decode/step/decode_step.h"

namespace elastic {

/** New tokens in a cache whose keys and values are U8 [rows, head_dim + 4]. */
void append_rounded_rows(const CacheAppend& append);

/** The keys and values of a decode step, which lie in place in its projection, to the rounded pool of the batch. */
void append_rounded_step(const DecodeBatch& batch, int layer, const DecodePreparation& call, cudaStream_t stream);

/** What heads hold as floats: slot s of a head goes to row `first_rows[head] + s`. */
struct CacheUnpacking {
  /** U8 [rows, head_dim + 4]. */
  Matrix cache_keys;
  Matrix cache_values;
  PageTable pages;
  /** Tokens that were seen. */
  int64_t length;
  std::vector<HeadStore> stores;
  std::vector<int64_t> first_rows;
  /** [rows, head_dim], dense. */
  Matrix keys;
  Matrix values;
};
void unpack_rounded_cache(const CacheUnpacking& call);

}  // namespace elastic
