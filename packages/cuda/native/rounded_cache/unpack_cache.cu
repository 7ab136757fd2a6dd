#include <algorithm>

#include "attention/tables/attention_tables.h"
#include "core/device/check.h"
#include "core/device/device.h"
#include "core/elements/elements.cuh"
#include "core/memory/staging.h"
#include "rounded_cache/rounded_cache.h"
#include "rounded_cache/rounded_rows.cuh"

namespace elastic {
namespace {

constexpr int kThreads = 256;

/** Where a head's slots go. */
struct UnpackedHead {
  HeadEntry store;
  int64_t first_row;
};

/** Whether a slot of a head holds a token: page tables of other slots may hold anything. */
__device__ inline bool is_held(const HeadEntry& store, int64_t slot, int64_t length) {
  if (store.ring_tokens == 0 || slot < store.sink_tokens) return slot < length;
  // The newest position that is the slot's own, of those behind the sink.
  const int64_t place = slot - store.sink_tokens, last = length - 1;
  if (last < store.sink_tokens) return false;
  const int64_t behind = (last % store.ring_tokens - place + store.ring_tokens) % store.ring_tokens;
  return last - behind >= store.sink_tokens;
}

/** A thread for four elements of a key and of a value; blockIdx.y is the head. */
template <typename Out>
__global__ void __launch_bounds__(kThreads)
    unpack_rows(const uint8_t* cache_keys, const uint8_t* cache_values, const UnpackedHead* heads, SequenceEntry sequence, int head_dim,
                int64_t length, Out* keys, Out* values) {
  const UnpackedHead& head = heads[blockIdx.y];
  const int fours = head_dim / 4;
  const int64_t index = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x, slot = index / fours;
  if (slot >= head.store.num_slots || !is_held(head.store, slot, length)) return;
  const int column = static_cast<int>(index % fours) * 4;
  const int64_t row = static_cast<int64_t>(sequence.row(static_cast<int32_t>(head.store.first_slot + slot))) * rounded_row_bytes(head_dim);
  const int64_t target = (head.first_row + slot) * head_dim + column;
#pragma unroll
  for (int side = 0; side < 2; ++side) {
    const uint8_t* source = (side == 0 ? cache_keys : cache_values) + row;
    const uint32_t bytes = *reinterpret_cast<const uint32_t*>(source + column);
    const float scale = *reinterpret_cast<const float*>(source + head_dim);
    float floats[4];
    for (int i = 0; i < 4; ++i) floats[i] = rounded_value(static_cast<uint8_t>(bytes >> (8 * i)), scale);
    store_floats<4>((side == 0 ? keys : values) + target, floats);
  }
}

}  // namespace

void unpack_rounded_cache(const CacheUnpacking& call) {
  const cudaStream_t stream = Device::instance().stream;
  std::vector<UnpackedHead> heads;
  int64_t most = 0;
  for (size_t head = 0; head < call.stores.size(); ++head) {
    const HeadStore& store = call.stores[head];
    heads.push_back({{{PatternType::Full, 0, 0, 1}, static_cast<int32_t>(store.first_slot), static_cast<int32_t>(store.num_slots),
                      static_cast<int32_t>(store.sink_tokens), static_cast<int32_t>(store.ring_tokens)},
                     call.first_rows[head]});
    most = std::max(most, store.num_slots);
  }
  const int64_t head_dim = call.keys.columns, threads = most * (head_dim / 4);
  if (threads == 0) return;
  SequenceEntry sequence{};
  sequence.page_shift = call.pages.shift;
  sequence.pages = call.pages.entries;
  const Scratch table(heads.size() * sizeof(UnpackedHead));
  upload_small(table.data(), heads.data(), heads.size() * sizeof(UnpackedHead), stream);
  const dim3 grid(static_cast<unsigned>((threads + kThreads - 1) / kThreads), static_cast<unsigned>(heads.size()));
  with_float_type(call.keys.dtype, [&]<typename Out>(Out*) {
    unpack_rows<Out><<<grid, kThreads, 0, stream>>>(
        reinterpret_cast<const uint8_t*>(call.cache_keys.data), reinterpret_cast<const uint8_t*>(call.cache_values.data),
        reinterpret_cast<const UnpackedHead*>(table.data()), sequence, static_cast<int>(head_dim), call.length,
        reinterpret_cast<Out*>(call.keys.data), reinterpret_cast<Out*>(call.values.data));
  });
  check(cudaGetLastError(), "unpackCache");
}

}  // namespace elastic
