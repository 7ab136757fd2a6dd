#include "attention/tables/attention_tables.h"
#include "core/device/check.h"
#include "core/device/device.h"
#include "core/memory/staging.h"
#include "ptx/dependent_launch.cuh"
#include "rounded_cache/rounded_cache.h"
#include "rounded_cache/rounded_rows.cuh"

namespace elastic {
namespace {

constexpr int kWarps = 8;
/** Elements of a row that a lane has, at most. */
constexpr int kMostElements = 8;

/** Rounds one row, a warp together. */
template <typename In>
__device__ inline void round_row(const In* source, int head_dim, uint8_t* target) {
  const int lane = threadIdx.x % 32;
  float values[kMostElements], largest = 0;
#pragma unroll
  for (int i = 0; i < kMostElements; ++i) {
    const int column = lane + 32 * i;
    values[i] = column < head_dim ? to_float(source[column]) : 0.0f;
    // A maximum would pass over NaN.
    largest = fmaxf(largest, isfinite(values[i]) ? fabsf(values[i]) : INFINITY);
  }
  const float scale = rounded_scale(warp_max(largest));
#pragma unroll
  for (int i = 0; i < kMostElements; ++i) {
    const int column = lane + 32 * i;
    if (column < head_dim) target[column] = rounded_byte(values[i], scale);
  }
  if (lane == 0) *reinterpret_cast<float*>(target + head_dim) = scale;
}

/** A warp for a key and the value beside it. */
template <typename In>
__global__ void __launch_bounds__(32 * kWarps)
    append_rows(Rows<const In> keys, Rows<const In> values, uint8_t* cache_keys, uint8_t* cache_values, const HeadEntry* heads,
                SequenceEntry sequence, int num_heads, int head_dim, int64_t length, int64_t tokens) {
  const int64_t index = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (index >= tokens * num_heads) return;
  const int head = static_cast<int>(index % num_heads);
  const int64_t token = index / num_heads, position = length + token;
  const HeadEntry& store = heads[head];
  // Of tokens that share a ring slot the last one stays: the others are not written at all.
  const bool kept = store.ring_tokens == 0 || position < store.sink_tokens || position >= length + tokens - store.ring_tokens;
  if (!kept) return;
  const int64_t at = static_cast<int64_t>(sequence.row(store.slot(static_cast<int32_t>(position)))) * rounded_row_bytes(head_dim);
  round_row(keys[token] + head * head_dim, head_dim, cache_keys + at);
  round_row(values[token] + head * head_dim, head_dim, cache_values + at);
}

template <typename In>
__global__ void __launch_bounds__(32 * kWarps) append_step(const DecodeBatch batch, const HeadEntry* heads, const DecodePreparation call) {
  ptx::allow_next_kernel();
  ptx::wait_for_previous_kernel();
  const int slot = blockIdx.y, head = blockIdx.x * kWarps + threadIdx.x / 32, kv = batch.key_value_heads;
  const SequenceEntry sequence = batch.sequences()[slot];
  if (sequence.key_length == 0 || head >= 2 * kv) return;
  const HeadEntry& store = heads[slot * batch.head_stride() + head % kv];
  const In* row = reinterpret_cast<const In*>(call.query_key_value.data) + slot * call.query_key_value.row_stride +
                  (call.query_heads + head) * call.head_dim;
  const int64_t at = static_cast<int64_t>(sequence.row(store.slot(sequence.key_length - 1))) * rounded_row_bytes(call.head_dim);
  round_row(row, call.head_dim, static_cast<uint8_t*>(head < kv ? batch.keys : batch.values) + at);
}

}  // namespace

void append_rounded_rows(const CacheAppend& append) {
  const cudaStream_t stream = Device::instance().stream;
  std::vector<HeadEntry> heads;
  for (const HeadStore& store : append.stores) {
    heads.push_back({{PatternType::Full, 0, 0, 1}, static_cast<int32_t>(store.first_slot), static_cast<int32_t>(store.num_slots),
                     static_cast<int32_t>(store.sink_tokens), static_cast<int32_t>(store.ring_tokens)});
  }
  const auto num_heads = static_cast<int64_t>(heads.size());
  const int64_t tokens = append.keys.rows, head_dim = append.cache_keys.columns - 4;
  if (tokens * num_heads == 0) return;
  if (head_dim > 32 * kMostElements) throw std::range_error("rows of a cache in fp8 have at most 256 elements");
  SequenceEntry sequence{};
  sequence.page_shift = append.pages.shift;
  sequence.pages = append.pages.entries;
  const Scratch table(heads.size() * sizeof(HeadEntry));
  upload_small(table.data(), heads.data(), heads.size() * sizeof(HeadEntry), stream);
  with_float_type(append.keys.dtype, [&]<typename In>(In*) {
    const auto blocks = static_cast<unsigned>((tokens * num_heads + kWarps - 1) / kWarps);
    append_rows<In><<<blocks, 32 * kWarps, 0, stream>>>(
        {reinterpret_cast<const In*>(append.keys.data), append.keys.row_stride},
        {reinterpret_cast<const In*>(append.values.data), append.values.row_stride}, reinterpret_cast<uint8_t*>(append.cache_keys.data),
        reinterpret_cast<uint8_t*>(append.cache_values.data), reinterpret_cast<const HeadEntry*>(table.data()), sequence,
        static_cast<int>(num_heads), static_cast<int>(head_dim), append.length, tokens);
  });
  check(cudaGetLastError(), "cacheAppend");
}

void append_rounded_step(const DecodeBatch& batch, int layer, const DecodePreparation& call, cudaStream_t stream) {
  if (call.head_dim > 32 * kMostElements) throw std::range_error("rows of a cache in fp8 have at most 256 elements");
  const dim3 grid(static_cast<unsigned>((2 * batch.key_value_heads + kWarps - 1) / kWarps), static_cast<unsigned>(batch.slots));
  with_float_type(call.query_key_value.dtype, [&]<typename In>(In*) {
    append_step<In><<<grid, 32 * kWarps, 0, stream>>>(batch, batch.layer_heads(layer), call);
  });
  check(cudaGetLastError(), "decode preparation");
}

}  // namespace elastic
