// Blocks of a prompt whose weight reaches a share of the largest. Arguments have been checked, as in `operations.h`.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "addon/attention_call.h"

namespace elastic {

/** Mirrors `BlockSearchCall`. */
struct BlockSearch {
  /** [tokens, num_query_heads * head_dim]. */
  Matrix query;
  /** [rows of the cache, head_dim]. */
  Matrix keys;
  /** U8 [num_query_heads * blocks, blocks]; rows of other heads stay as they are. */
  Matrix visited;
  int64_t num_query_heads;
  int64_t head_dim;
  int64_t tokens;
  int64_t block_size;
  int64_t stride;
  float alpha;
  float scale;
  /** 0 for none. */
  float soft_cap;
  /** Query heads of a key-value head. */
  int64_t group;
  struct Head {
    int64_t key_value_head;
    HeadStore store;
  };
  std::vector<Head> heads;

  int64_t blocks() const { return (tokens + block_size - 1) / block_size; }
  int64_t end(int64_t block) const { return std::min(tokens, (block + 1) * block_size); }
  /** Rows of a query block that look for blocks, from its last one back. */
  int64_t rows(int64_t block) const { return (end(block) - block * block_size + stride - 1) / stride; }
  int64_t row(int64_t block, int64_t index) const { return end(block) - 1 - index * stride; }
};

namespace backend {

void block_search(const BlockSearch& search);

}  // namespace backend
}  // namespace elastic
