// Choosing pages of a cache by bounds of their keys. Arguments have been checked, as in `operations.h`.
#pragma once
#include <algorithm>
#include <vector>

#include "addon/attention_call.h"

namespace elastic {

/** How a head chooses pages; mirrors `PageChoice`. */
struct PageChoice {
  int64_t page_tokens;
  int64_t sink_blocks;
  int64_t local_blocks;
  int64_t budget_pages;
  int64_t budget_parts;

  /** Pages that a query in page `query_block` may choose from, counted from `sink_blocks`. */
  int64_t candidates(int64_t query_block) const { return std::max<int64_t>(0, query_block - local_blocks + 1 - sink_blocks); }
  /** Pages that are chosen of so many, when the sequence has `length` tokens. */
  int64_t chosen(int64_t candidates, int64_t length) const {
    const int64_t share = 65536 * page_tokens;
    return std::min(candidates, budget_pages + (length * budget_parts + share - 1) / share);
  }
};

/** Bounds of complete pages; mirrors `BoundPagesCall`. */
struct PageBounding {
  /** [rows, head_dim]. */
  Matrix keys;
  /** [rows / page_tokens, 2 · head_dim], in the type of the keys where these are floats: largest values, then smallest. */
  Matrix bounds;
  int64_t page_tokens;
  /** Pages [first_page, end_page) of every head. */
  int64_t first_page;
  int64_t end_page;
  std::vector<HeadStore> stores;
};

/** The pages that the last rows of a sequence read; mirrors `SelectPagesCall`. */
struct PageSelection {
  /** [rows, num_query_heads * head_dim]. */
  Matrix query;
  /** As in {@link PageBounding}. */
  Matrix bounds;
  /** U8 [num_query_heads * query blocks, key blocks]; rows of other heads stay as they are. */
  Matrix visited;
  int64_t num_query_heads;
  int64_t head_dim;
  /** Tokens of the sequence. */
  int64_t length;
  PageChoice choice;
  /** Query heads of a key-value head. */
  int64_t group;
  struct Head {
    int64_t key_value_head;
    HeadStore store;
  };
  std::vector<Head> heads;

  int64_t key_blocks() const { return (length + choice.page_tokens - 1) / choice.page_tokens; }
  int64_t first_block() const { return (length - query.rows) / choice.page_tokens; }
  int64_t query_blocks() const { return key_blocks() - first_block(); }
  /** Rows of the query in a page of positions: [first_row, end_row). */
  int64_t first_row(int64_t block) const { return std::max<int64_t>(0, block * choice.page_tokens - (length - query.rows)); }
  int64_t end_row(int64_t block) const { return std::min(query.rows, (block + 1) * choice.page_tokens - (length - query.rows)); }
};

namespace backend {

void bound_pages(const PageBounding& bounding);
void select_pages(const PageSelection& selection);

}  // namespace backend
}  // namespace elastic
