#include "addon/choices/block_search.h"

#include "checks/checked_operations.h"

namespace elastic::checked {

void block_search(Call& call) {
  BlockSearch search;
  search.query = call.tensor("query");
  search.keys = call.tensor("keys");
  const PageTable pages = read_page_table(call);
  search.visited = call.tensor("visited");
  search.num_query_heads = call.integer("query heads");
  search.head_dim = call.integer("head dimension");
  search.block_size = call.integer("block size");
  search.stride = call.integer("stride");
  search.alpha = static_cast<float>(call.number("alpha"));
  search.scale = static_cast<float>(call.number("scale"));
  search.soft_cap = static_cast<float>(call.number("soft cap"));
  search.group = call.integer("query heads of a key-value head");
  const int64_t count = call.integer("heads");
  search.tokens = search.query.rows;
  call.require_float(search.query, "query");
  call.require_cache_rows(search.keys, "keys");
  call.require_dtype(search.visited, DType::U8, "visited");
  call.require(std::isfinite(search.scale) && std::isfinite(search.soft_cap) && search.soft_cap >= 0, "impossible scores");
  constexpr int64_t kLargest = int64_t{1} << 31;
  const bool sensible = search.block_size > 0 && search.block_size < kLargest && search.stride > 0 && search.stride < kLargest && search.alpha >= 0 &&
                        search.alpha <= 1 && search.group > 0 && search.head_dim > 0 && search.tokens > 0 && search.tokens < kLargest &&
                        search.query.columns == search.num_query_heads * search.head_dim && search.keys.columns == search.head_dim &&
                        search.keys.row_stride == row_elements(search.keys.dtype, search.head_dim) && search.visited.rows == search.num_query_heads * search.blocks() &&
                        search.visited.columns == search.blocks();
  call.require(sensible, "the sizes do not fit together");
  for (int64_t i = 0; i < count; ++i) {
    const int64_t head = call.integer("head");
    const HeadStore store = read_head_store(call, search.keys.rows, pages);
    call.require(store.ring_tokens == 0 && store.num_slots >= search.tokens, "a head has already dropped keys");
    call.require(head >= 0 && (head + 1) * search.group <= search.num_query_heads, "a head is not there");
    search.heads.push_back({head, store});
  }
  backend::block_search(search);
}

}  // namespace elastic::checked
