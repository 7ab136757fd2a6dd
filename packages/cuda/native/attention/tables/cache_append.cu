// New tokens in a cache: each row goes to its slot, rounded once.
#include "addon/operations.h"
#include "attention/tables/attention_tables.h"
#include "core/device/check.h"
#include "core/device/device.h"
#include "core/elements/floats.cuh"
#include "core/memory/staging.h"
#include "core/elements/vectors.cuh"

namespace elastic {
namespace {

template <typename In, typename Out>
__global__ void append_rows(Rows<In> keys, Rows<In> values, Rows<Out> cache_keys, Rows<Out> cache_values,
                            const HeadEntry* heads, SequenceEntry sequence, int num_heads, int head_dim, int64_t length,
                            int64_t tokens) {
  const int64_t index = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int64_t total = tokens * num_heads * head_dim;
  if (index >= total) return;
  const int column = static_cast<int>(index % head_dim), head = static_cast<int>(index / head_dim % num_heads);
  const int64_t token = index / head_dim / num_heads;
  const HeadEntry& store = heads[head];
  const int64_t position = length + token;
  // Of tokens that share a ring slot the last one stays: the others are not written at all.
  const bool kept = store.ring_tokens == 0 || position < store.sink_tokens || position >= length + tokens - store.ring_tokens;
  if (!kept) return;
  const int64_t slot = sequence.row(store.slot(static_cast<int32_t>(position)));
  cache_keys[slot][column] = from_float<Out>(to_float(keys[token][head * head_dim + column]));
  cache_values[slot][column] = from_float<Out>(to_float(values[token][head * head_dim + column]));
}

/** Eight elements of a key and of a value a thread; keys, values and cache share a 16-bit type. */
__global__ void append_vectors(const char* keys, int64_t key_stride, const char* values, int64_t value_stride,
                               uint4* cache_keys, uint4* cache_values, const HeadEntry* heads, SequenceEntry sequence, unsigned num_heads,
                               unsigned vectors, int64_t length, unsigned tokens, unsigned total) {
  const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
  if (index >= total) return;
  const unsigned place = index % (num_heads * vectors), token = index / (num_heads * vectors), vector = place % vectors;
  const HeadEntry& store = heads[place / vectors];
  const int64_t position = length + token;
  const bool kept = store.ring_tokens == 0 || position < store.sink_tokens || position >= length + tokens - store.ring_tokens;
  if (!kept) return;
  const int64_t target = static_cast<int64_t>(sequence.row(store.slot(static_cast<int32_t>(position)))) * vectors + vector;
  cache_keys[target] = *reinterpret_cast<const uint4*>(keys + token * key_stride + place * 16);
  cache_values[target] = *reinterpret_cast<const uint4*>(values + token * value_stride + place * 16);
}

bool in_dense_vectors(const Matrix& cache) { return in_vectors(cache) && cache.row_stride == cache.columns; }

}  // namespace

void backend::cache_append(const CacheAppend& append) {
  const cudaStream_t stream = Device::instance().stream;
  std::vector<HeadEntry> heads;
  for (const HeadStore& store : append.stores) {
    heads.push_back({{PatternType::Full, 0, 0, 1}, static_cast<int32_t>(store.first_slot),
                     static_cast<int32_t>(store.num_slots), static_cast<int32_t>(store.sink_tokens),
                     static_cast<int32_t>(store.ring_tokens)});
  }
  const int64_t tokens = append.keys.rows, head_dim = append.cache_keys.columns;
  const int64_t total = tokens * static_cast<int64_t>(heads.size()) * head_dim;
  if (total == 0) return;
  SequenceEntry sequence{};
  sequence.page_shift = append.pages.shift;
  sequence.pages = append.pages.entries;
  const Scratch table(heads.size() * sizeof(HeadEntry));
  upload_small(table.data(), heads.data(), heads.size() * sizeof(HeadEntry), Device::instance().stream);
  constexpr int threads = 256;
  const bool vectors = in_vectors(append.keys) && in_vectors(append.values) && in_dense_vectors(append.cache_keys) &&
                       in_dense_vectors(append.cache_values) && append.keys.dtype == append.cache_keys.dtype &&
                       append.values.dtype == append.cache_values.dtype && countable(total / kVector);
  if (vectors) {
    const auto count = static_cast<unsigned>(total / kVector);
    append_vectors<<<(count + threads - 1) / threads, threads, 0, stream>>>(
        append.keys.data, append.keys.row_stride * 2, append.values.data, append.values.row_stride * 2,
        reinterpret_cast<uint4*>(append.cache_keys.data), reinterpret_cast<uint4*>(append.cache_values.data),
        reinterpret_cast<const HeadEntry*>(table.data()), sequence, static_cast<unsigned>(heads.size()),
        static_cast<unsigned>(head_dim / kVector), append.length, static_cast<unsigned>(tokens), count);
    check(cudaGetLastError(), "cacheAppend");
    return;
  }
  with_float_type(append.keys.dtype, [&]<typename In>(In*) {
    with_float_type(append.cache_keys.dtype, [&]<typename Out>(Out*) {
      append_rows<<<static_cast<unsigned>((total + threads - 1) / threads), threads, 0, stream>>>(
          rows_of<In>(append.keys), rows_of<In>(append.values), rows_of<Out>(append.cache_keys),
          rows_of<Out>(append.cache_values), reinterpret_cast<const HeadEntry*>(table.data()), sequence,
          static_cast<int>(heads.size()), static_cast<int>(head_dim), append.length, tokens);
    });
  });
  check(cudaGetLastError(), "cacheAppend");
}

}  // namespace elastic
