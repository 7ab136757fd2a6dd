// Attention and the cache it reads.
#include "checks/checked_operations.h"

namespace elastic::checked {

void cache_append(Call& call) {
  const Matrix keys = call.tensor("keys"), values = call.tensor("values");
  const Matrix cache_keys = call.tensor("cache keys"), cache_values = call.tensor("cache values");
  const PageTable pages = read_page_table(call);
  const int64_t length = call.integer("length"), heads = call.integer("key-value heads");
  call.require_float(keys, "keys");
  call.require_float(values, "values");
  call.require_cache_rows(cache_keys, "cache keys");
  call.require_cache_rows(cache_values, "cache values");
  const int64_t head_dim = cache_keys.columns, tokens = keys.rows;
  call.require(heads > 0 && length >= 0 && keys.columns == heads * head_dim && values.columns == keys.columns &&
                   values.rows == tokens && cache_values.columns == head_dim && cache_values.rows == cache_keys.rows,
               "keys and values do not fit the cache");
  CacheAppend append{keys, values, cache_keys, cache_values, pages, length, {}};
  for (int64_t head = 0; head < heads; ++head) {
    append.stores.push_back(read_head_store(call, cache_keys.rows, pages));
    const HeadStore& store = append.stores.back();
    call.require(store.ring_tokens > 0 || length + tokens <= store.num_slots, "no room left in the cache");
  }
  backend::cache_append(append);
}

void copy_spans(Call& call) {
  const Matrix source = call.tensor("source"), destination = call.tensor("destination");
  const int64_t count = call.integer("spans");
  // Rounded rows are copied as floats too.
  const bool widened = is_rounded(source.dtype) && source.dtype != destination.dtype;
  if (widened) {
    call.require_cache_rows(source, "source");
    call.require_float(destination, "destination");
  }
  call.require((widened || source.dtype == destination.dtype) && source.columns == destination.columns, "rows differ in length or dtype");
  std::vector<RowSpan> spans;
  for (int64_t i = 0; i < count; ++i) {
    const RowSpan span{call.integer("from"), call.integer("to"), call.integer("rows")};
    const bool inside = span.from >= 0 && span.to >= 0 && span.rows >= 0 && span.from <= source.rows - span.rows &&
                        span.to <= destination.rows - span.rows;
    call.require(inside, "a span leaves the tensors");
    spans.push_back(span);
  }
  backend::copy_spans(source, destination, spans);
}

void hybrid_attention(Call& call) { backend::hybrid_attention(AttentionCall::read(call, true)); }

void xattention_estimate(Call& call) {
  Estimate estimate;
  estimate.query = call.tensor("query");
  estimate.keys = call.tensor("keys");
  estimate.visited = call.tensor("visited");
  estimate.num_query_heads = call.integer("query heads");
  estimate.head_dim = call.integer("head dimension");
  estimate.tokens = call.integer("tokens");
  estimate.stride = call.integer("stride");
  estimate.block_size = call.integer("block size");
  estimate.threshold = call.number("threshold");
  estimate.scale = call.number("scale");
  estimate.soft_cap = call.number("soft cap");
  estimate.round_bf16 = call.flag("round to bf16");
  estimate.group = call.integer("query heads of a key-value head");
  const int64_t count = call.integer("heads");
  call.require_float(estimate.query, "query");
  call.require_float(estimate.keys, "keys");
  call.require_dtype(estimate.visited, DType::U8, "visited");
  const bool sensible = estimate.stride > 0 && estimate.block_size > 0 && estimate.block_size % estimate.stride == 0 &&
                        estimate.tokens > 0 && estimate.head_dim > 0 && estimate.scale > 0 && estimate.soft_cap >= 0 && estimate.tokens == estimate.query.rows &&
                        estimate.query.columns == estimate.num_query_heads * estimate.head_dim &&
                        estimate.keys.columns == estimate.head_dim && estimate.keys.row_stride == estimate.head_dim &&
                        estimate.visited.rows == estimate.num_query_heads * estimate.blocks() &&
                        estimate.visited.columns == estimate.blocks() && estimate.group > 0;
  call.require(sensible, "the sizes do not fit together");
  for (int64_t i = 0; i < count; ++i) {
    const int64_t head = call.integer("head");
    const HeadStore store = read_head_store(call, estimate.keys.rows);
    call.require(store.ring_tokens == 0 && store.num_slots >= estimate.tokens, "a head has already dropped keys");
    call.require(head >= 0 && (head + 1) * estimate.group <= estimate.num_query_heads, "a head is not there");
    estimate.heads.push_back({head, store});
  }
  backend::xattention_estimate(estimate);
}

}  // namespace elastic::checked
