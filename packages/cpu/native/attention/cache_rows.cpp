// How a cache changes: new tokens, and moves between layouts.
#include <cstring>

#include "addon/operations.h"
#include "core/thread_pool.h"
#include "floats/kernel_table.h"

namespace elastic::backend {

void cache_append(const CacheAppend& append) {
  const Matrix &keys = append.keys, &values = append.values;
  const Matrix &cache_keys = append.cache_keys, &cache_values = append.cache_values;
  const auto& stores = append.stores;
  const int64_t length = append.length, head_dim = cache_keys.columns, tokens = keys.rows;
  const auto heads = static_cast<int64_t>(stores.size());
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

void copy_spans(const Matrix& source, const Matrix& destination, const std::vector<RowSpan>& spans) {
  const bool widened = source.dtype != destination.dtype;
  const auto bytes = static_cast<std::size_t>(row_elements(source.dtype, source.columns) * byte_size(source.dtype));
  parallel_for(static_cast<int64_t>(spans.size()), [&](int64_t index) {
    const RowSpan& span = spans[static_cast<std::size_t>(index)];
    for (int64_t row = 0; row < span.rows; ++row) {
      const char* from = source.row(span.from + row);
      char* to = destination.row(span.to + row);
      if (widened) {
        float_kernels().convert(from, source.dtype, to, destination.dtype, source.columns);
      } else {
        std::memcpy(to, from, bytes);
      }
    }
  });
}

}  // namespace elastic::backend
