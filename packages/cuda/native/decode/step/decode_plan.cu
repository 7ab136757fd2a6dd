#include "core/device/check.h"
#include "decode/step/decode_step.h"

namespace elastic {
namespace {

constexpr int kThreads = 256;

__host__ __device__ inline int64_t layer_bytes(int64_t items, int multiprocessors) {
  return (multiprocessors + items) * static_cast<int64_t>(sizeof(DecodeShare));
}

/** Slots from `slot` back whose tokens are of one sequence and follow each other, this one included: up to those of a step. */
__device__ int tokens_before(const DecodeBatch& batch, int slot) {
  int tokens = 1;
  const auto head = [&](int index) -> const HeadEntry& { return batch.heads[static_cast<int64_t>(index) * batch.head_stride()]; };
  while (slot > 0 && follows(head(slot - 1), batch.lengths[slot - 1], head(slot), batch.lengths[slot])) {
    ++tokens;
    --slot;
  }
  return tokens;
}

/**
 * Tokens of a slot's items: of the tokens that a sequence brings every `most_tokens` are attended together, as items of the first
 * of them; 0 for the others, and for an empty slot.
 */
__device__ int item_tokens(const DecodeBatch& batch, int slot) {
  if (batch.lengths[slot] == 0) return 0;
  if (batch.most_tokens == 1) return 1;
  if ((tokens_before(batch, slot) - 1) % batch.most_tokens != 0) return 0;
  int tokens = 1;
  while (tokens < batch.most_tokens && slot + tokens < batch.slots && tokens_before(batch, slot + tokens) > 1) ++tokens;
  return tokens;
}

/** One thread block for a layer; the first also writes where the sequences are. */
__global__ void __launch_bounds__(kThreads) plan_decode(const DecodeBatch batch, int multiprocessors) {
  extern __shared__ int32_t first[];  // Where the work of each item starts, and the end.
  __shared__ int32_t sums[kThreads / 32];
  const int layer = blockIdx.x, thread = threadIdx.x, lane = thread % 32;
  const int items = batch.slots * batch.key_value_heads;
  int32_t* tokens = first + items + 1;
  for (int slot = thread; slot < batch.slots; slot += kThreads) tokens[slot] = item_tokens(batch, slot);
  __syncthreads();
  if (layer == 0) {
    for (int slot = thread; slot < batch.slots; slot += kThreads) {
      SequenceEntry entry{};
      entry.keys = batch.keys;
      entry.values = batch.values;
      entry.query_start = slot;
      entry.query_length = tokens[slot];
      entry.key_length = batch.lengths[slot];
      entry.num_slots = batch.pool_rows;
      entry.page_shift = batch.page_shift;
      entry.pages = batch.pages;
      batch.sequences()[slot] = entry;
    }
  }
  const HeadEntry* heads = batch.layer_heads(layer);
  const int each = (items + kThreads - 1) / kThreads, begin = min(items, thread * each), end = min(items, begin + each);
  int sum = 0;
  for (int item = begin; item < end; ++item) {
    const int slot = item / batch.key_value_heads;
    const HeadEntry head = heads[slot * batch.head_stride() + item % batch.key_value_heads];
    first[item] = sum;
    sum += static_cast<int>(item_work(KeyUnits(head, batch.lengths[slot] + tokens[slot] - 1, tokens[slot]).count));
  }
  // Sums of the threads before this one.
  int before = sum;
#pragma unroll
  for (int step = 1; step < 32; step *= 2) {
    const int other = __shfl_up_sync(0xffffffffu, before, step);
    if (lane >= step) before += other;
  }
  if (lane == 31) sums[thread / 32] = before;
  __syncthreads();
  int offset = before - sum;
  for (int warp = 0; warp < thread / 32; ++warp) offset += sums[warp];
  for (int item = begin; item < end; ++item) first[item] += offset;
  if (thread == kThreads - 1) first[items] = offset + sum;
  __syncthreads();
  const int64_t work = first[items];
  const int blocks = decode_blocks(work, multiprocessors);
  auto* shares = reinterpret_cast<DecodeShare*>(batch.plan + batch.slots * sizeof(SequenceEntry) +
                                                layer * layer_bytes(items, multiprocessors));
  for (int block = thread; block < multiprocessors; block += kThreads) {
    DecodeShare share{0, 0, 0, 0};
    if (block < blocks) {
      const int64_t start = share_start(work, block, blocks);
      int low = 0, high = items - 1;  // The last item that starts at or before `start` and has units.
      while (low < high) {
        const int middle = (low + high + 1) / 2;
        if (first[middle] <= start) low = middle;
        else high = middle - 1;
      }
      share = decode_share(first, items, low, block, blocks);
    }
    shares[block] = share;
  }
  auto* table = reinterpret_cast<DecodeItem*>(shares + multiprocessors);
  for (int item = thread; item < items; item += kThreads) table[item] = decode_item(work, first[item], first[item + 1], blocks);
}

}  // namespace

int64_t decode_plan_bytes(int64_t slots, int64_t layers, int64_t key_value_heads, int multiprocessors) {
  return slots * static_cast<int64_t>(sizeof(SequenceEntry)) + layers * layer_bytes(slots * key_value_heads, multiprocessors);
}

DecodeShare* DecodeBatch::shares(int layer, int multiprocessors) const {
  const int64_t items = int64_t{slots} * key_value_heads;
  return reinterpret_cast<DecodeShare*>(plan + slots * sizeof(SequenceEntry) + layer * layer_bytes(items, multiprocessors));
}

DecodeItem* DecodeBatch::items(int layer, int multiprocessors) const {
  return reinterpret_cast<DecodeItem*>(shares(layer, multiprocessors) + multiprocessors);
}

void launch_decode_plan(const DecodeBatch& batch, int multiprocessors, cudaStream_t stream) {
  const size_t shared = (static_cast<size_t>(batch.slots) * static_cast<size_t>(batch.key_value_heads + 1) + 1) * sizeof(int32_t);
  if (shared > 40 * 1024) throw std::range_error("a batch of this size is too large to be planned at once");
  plan_decode<<<static_cast<unsigned>(batch.layers), kThreads, shared, stream>>>(batch, multiprocessors);
  check(cudaGetLastError(), "decode plan");
}

}  // namespace elastic
