// The attention that the last rows of a sequence pay to each key. Arguments have been checked, as in `operations.h`.
#pragma once
#include <vector>

#include "addon/attention_call.h"

namespace elastic {

/** Mirrors `AttentionMassCall`. */
struct AttentionMass {
  /** [rows, num_query_heads * head_dim]. */
  Matrix query;
  /** [rows of the cache, head_dim]. */
  Matrix keys;
  /** F32 [heads, length]. */
  Matrix mass;
  int64_t head_dim;
  /** Tokens of the sequence. */
  int64_t length;
  /** Query heads of a key-value head. */
  int64_t group;
  float scale;
  /** 0 for none. */
  float soft_cap;
  struct Head {
    int64_t key_value_head;
    HeadStore store;
  };
  std::vector<Head> heads;

  /** Queries of a head: of each row those of the group. */
  int64_t queries() const { return query.rows * group; }
  /** Keys that a query sees. */
  int64_t seen(int64_t index) const { return length - query.rows + index / group + 1; }
  const char* query_row(int64_t head, int64_t index) const {
    return query.row(index / group) + (head * group + index % group) * head_dim * byte_size(query.dtype);
  }
};

namespace backend {

void attention_mass(const AttentionMass& call);

}  // namespace backend
}  // namespace elastic
