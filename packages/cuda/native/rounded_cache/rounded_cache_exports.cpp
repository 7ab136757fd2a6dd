#include "rounded_cache/rounded_cache_exports.h"

#include "addon/call.h"
#include "addon/exports.h"
#include "rounded_cache/rounded_cache.h"
#include "rounded_cache/rounded_rows.h"

namespace elastic {
namespace {

/** The keys and values of a rounded cache and its pages; of head_dim elements. */
void read_cache(Call& call, int64_t head_dim, Matrix& keys, Matrix& values, PageTable& pages) {
  keys = call.tensor("cache keys");
  values = call.tensor("cache values");
  pages = read_page_table(call);
  call.require_dtype(keys, DType::U8, "cache keys");
  call.require_dtype(values, DType::U8, "cache values");
  const int64_t row_bytes = rounded_row_bytes(static_cast<int>(head_dim));
  const auto dense = [&](const Matrix& matrix) { return matrix.columns == row_bytes && matrix.row_stride == row_bytes && reinterpret_cast<uintptr_t>(matrix.data) % 4 == 0; };
  call.require(head_dim % 4 == 0 && head_dim > 0 && head_dim <= 256 && dense(keys) && dense(values) && keys.rows == values.rows,
               "the cache has no rows of e4m3 with a scale");
}

HeadStore read_store(Call& call, const Matrix& cache, const PageTable& pages) { return read_head_store(call, cache.rows, pages); }

void cache_append_rounded(Call& call) {
  CacheAppend append{};
  append.keys = call.tensor("keys");
  append.values = call.tensor("values");
  const int64_t heads = call.integer("key-value heads");
  call.require_float(append.keys, "keys");
  call.require_dtype(append.values, append.keys.dtype, "values");
  call.require(heads > 0 && append.keys.columns % heads == 0 && append.values.rows == append.keys.rows && append.values.columns == append.keys.columns,
               "keys and values do not fit together");
  read_cache(call, append.keys.columns / heads, append.cache_keys, append.cache_values, append.pages);
  append.length = call.integer("length");
  call.require(append.length >= 0 && append.length + append.keys.rows <= INT32_MAX, "the sequence is too long");
  for (int64_t head = 0; head < heads; ++head) {
    append.stores.push_back(read_store(call, append.cache_keys, append.pages));
    const HeadStore& store = append.stores.back();
    call.require(store.ring_tokens > 0 || append.length + append.keys.rows <= store.num_slots, "no room left in the cache");
  }
  append_rounded_rows(append);
}

void unpack_cache(Call& call) {
  CacheUnpacking unpacking{};
  unpacking.keys = call.tensor("keys");
  unpacking.values = call.tensor("values");
  call.require_float(unpacking.keys, "keys");
  call.require_dtype(unpacking.values, unpacking.keys.dtype, "values");
  const Matrix& keys = unpacking.keys;
  const Matrix& values = unpacking.values;
  call.require(keys.columns == values.columns && keys.rows == values.rows && keys.row_stride == keys.columns && values.row_stride == values.columns &&
                   reinterpret_cast<uintptr_t>(keys.data) % 16 == 0 && reinterpret_cast<uintptr_t>(values.data) % 16 == 0,
               "keys and values are not dense");
  read_cache(call, keys.columns, unpacking.cache_keys, unpacking.cache_values, unpacking.pages);
  unpacking.length = call.integer("length");
  const int64_t heads = call.integer("key-value heads");
  call.require(unpacking.length >= 0 && heads > 0 && heads <= 65535, "impossible heads");
  for (int64_t head = 0; head < heads; ++head) {
    unpacking.stores.push_back(read_store(call, unpacking.cache_keys, unpacking.pages));
    unpacking.first_rows.push_back(call.integer("first row"));
    const bool inside = unpacking.first_rows.back() >= 0 && unpacking.first_rows.back() + unpacking.stores.back().num_slots <= keys.rows;
    call.require(inside, "a head does not fit the rows");
  }
  unpack_rounded_cache(unpacking);
}

}  // namespace

void export_rounded_cache(Napi::Env env, Napi::Object exports) {
  export_operation<cache_append_rounded>(env, exports, "cacheAppendRounded");
  export_operation<unpack_cache>(env, exports, "unpackCache");
}

}  // namespace elastic
