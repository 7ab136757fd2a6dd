// How a cache changes: new tokens, and moves between layouts.
#include <algorithm>
#include <cstring>

#include "attention/attention_call.h"
#include "attention/hybrid_attention.h"
#include "core/thread_pool.h"
#include "floats/kernel_table.h"

namespace elastic {

void cache_append(Call& call) {
  const Matrix keys = call.tensor("keys"), values = call.tensor("values");
  const Matrix cache_keys = call.tensor("cache keys"), cache_values = call.tensor("cache values");
  const int64_t length = call.integer("length"), heads = call.integer("key-value heads");
  call.require_float(keys, "keys");
  call.require_float(values, "values");
  call.require_float(cache_keys, "cache keys");
  call.require_float(cache_values, "cache values");
  const int64_t head_dim = cache_keys.columns, tokens = keys.rows;
  call.require(heads > 0 && length >= 0 && keys.columns == heads * head_dim && values.columns == keys.columns &&
                   values.rows == tokens && cache_values.columns == head_dim && cache_values.rows == cache_keys.rows,
               "keys and values do not fit the cache");
  std::vector<HeadStore> stores;
  for (int64_t head = 0; head < heads; ++head) {
    stores.push_back(read_head_store(call, cache_keys.rows));
    const HeadStore& store = stores.back();
    call.require(store.ring_tokens > 0 || length + tokens <= store.num_slots, "no room left in the cache");
  }
  const FloatKernels& kernels = float_kernels();
  parallel_rows(tokens, 64, [&](int64_t first, int64_t last) {
    for (int64_t head = 0; head < heads; ++head) {
      const HeadStore& store = stores[static_cast<std::size_t>(head)];
      for (int64_t token = first; token < last; ++token) {
        // Of tokens that share a ring slot the last one stays: the others are not written at all.
        if (!store.retains(length + token, length + tokens)) continue;
        const int64_t slot = store.slot(length + token);
        const char* key = keys.row(token) + head * head_dim * byte_size(keys.dtype);
        const char* value = values.row(token) + head * head_dim * byte_size(values.dtype);
        kernels.convert(key, keys.dtype, cache_keys.row(slot), cache_keys.dtype, head_dim);
        kernels.convert(value, values.dtype, cache_values.row(slot), cache_values.dtype, head_dim);
      }
    }
  });
}

void copy_spans(Call& call) {
  const Matrix source = call.tensor("source"), destination = call.tensor("destination");
  const int64_t count = call.integer("spans");
  call.require(source.dtype == destination.dtype && source.columns == destination.columns, "rows differ in length or dtype");
  struct Span {
    int64_t from, to, rows;
  };
  std::vector<Span> spans;
  for (int64_t i = 0; i < count; ++i) {
    const Span span{call.integer("from"), call.integer("to"), call.integer("rows")};
    const bool inside = span.from >= 0 && span.to >= 0 && span.rows >= 0 && span.from <= source.rows - span.rows &&
                        span.to <= destination.rows - span.rows;
    call.require(inside, "a span leaves the tensors");
    spans.push_back(span);
  }
  const auto bytes = static_cast<std::size_t>(source.columns * byte_size(source.dtype));
  parallel_for(static_cast<int64_t>(spans.size()), [&](int64_t index) {
    const Span& span = spans[static_cast<std::size_t>(index)];
    for (int64_t row = 0; row < span.rows; ++row) {
      std::memcpy(destination.row(span.to + row), source.row(span.from + row), bytes);
    }
  });
}

}  // namespace elastic
