// Choosing pages of a cache by bounds of their keys.
#include "addon/choices/page_operations.h"

#include "checks/checked_operations.h"

namespace elastic::checked {
namespace {

void require_bounds(const Call& call, const Matrix& bounds, int64_t page_tokens, int64_t head_dim) {
  call.require(page_tokens == 16 || page_tokens == 32 || page_tokens == 64, "a page has 16, 32 or 64 tokens");
  call.require_float(bounds, "bounds");
  call.require(head_dim > 0 && bounds.columns == 2 * head_dim && bounds.row_stride == bounds.columns, "the bounds do not fit the heads");
}

/** A head that keeps all its tokens, of which `length` are there. */
HeadStore read_whole_store(Call& call, int64_t rows, const PageTable& pages, int64_t length) {
  const HeadStore store = read_head_store(call, rows, pages);
  call.require(store.ring_tokens == 0 && store.num_slots >= length, "a head has already dropped keys");
  return store;
}

}  // namespace

void bound_pages(Call& call) {
  PageBounding bounding;
  bounding.keys = call.tensor("keys");
  const PageTable pages = read_page_table(call);
  bounding.bounds = call.tensor("bounds");
  bounding.page_tokens = call.integer("tokens of a page");
  bounding.first_page = call.integer("first page");
  bounding.end_page = call.integer("last page");
  const int64_t count = call.integer("heads");
  call.require_cache_rows(bounding.keys, "keys");
  require_bounds(call, bounding.bounds, bounding.page_tokens, bounding.keys.columns);
  if (!is_rounded(bounding.keys.dtype)) call.require_dtype(bounding.bounds, bounding.keys.dtype, "bounds");
  call.require(bounding.keys.row_stride == row_elements(bounding.keys.dtype, bounding.keys.columns) &&
                   bounding.bounds.rows >= (bounding.keys.rows + bounding.page_tokens - 1) / bounding.page_tokens,
               "the bounds do not fit the keys");
  call.require(bounding.first_page >= 0 && bounding.first_page <= bounding.end_page, "impossible pages");
  for (int64_t i = 0; i < count; ++i) {
    bounding.stores.push_back(read_whole_store(call, bounding.keys.rows, pages, bounding.end_page * bounding.page_tokens));
  }
  backend::bound_pages(bounding);
}

void select_pages(Call& call) {
  PageSelection selection;
  selection.query = call.tensor("query");
  selection.bounds = call.tensor("bounds");
  const PageTable pages = read_page_table(call);
  selection.visited = call.tensor("visited");
  const int64_t rows = call.integer("rows of the keys");
  selection.num_query_heads = call.integer("query heads");
  selection.head_dim = call.integer("head dimension");
  selection.length = call.integer("cache length");
  selection.choice = {call.integer("tokens of a page"), call.integer("sink blocks"), call.integer("local blocks"),
                      call.integer("budget in pages"), call.integer("budget in parts")};
  selection.group = call.integer("query heads of a key-value head");
  const int64_t count = call.integer("heads");
  const PageChoice& choice = selection.choice;
  call.require_float(selection.query, "query");
  require_bounds(call, selection.bounds, choice.page_tokens, selection.head_dim);
  call.require_dtype(selection.visited, DType::U8, "visited");
  constexpr int64_t kLargest = int64_t{1} << 31;
  const auto is_count = [](int64_t value) { return value >= 0 && value < kLargest; };
  call.require(is_count(choice.sink_blocks) && is_count(choice.local_blocks) && choice.local_blocks > 0 &&
                   is_count(choice.budget_pages) && is_count(choice.budget_parts) && choice.budget_parts <= 65536,
               "a choice of pages has impossible sizes");
  call.require(rows >= 0 && selection.bounds.rows >= (rows + choice.page_tokens - 1) / choice.page_tokens, "the bounds do not fit the keys");
  const bool sensible = selection.group > 0 && selection.length > 0 && selection.length < kLargest && selection.query.rows > 0 &&
                        selection.query.rows <= selection.length &&
                        selection.query.columns == selection.num_query_heads * selection.head_dim &&
                        selection.visited.rows == selection.num_query_heads * selection.query_blocks() &&
                        selection.visited.columns == selection.key_blocks();
  call.require(sensible, "the sizes do not fit together");
  for (int64_t i = 0; i < count; ++i) {
    const int64_t head = call.integer("head");
    const HeadStore store = read_whole_store(call, rows, pages, selection.length);
    call.require(head >= 0 && (head + 1) * selection.group <= selection.num_query_heads, "a head is not there");
    selection.heads.push_back({head, store});
  }
  backend::select_pages(selection);
}

}  // namespace elastic::checked
