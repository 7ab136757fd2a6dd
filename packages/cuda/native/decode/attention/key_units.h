// The keys that a decoding head reads, in units, and how the units of all heads are shared out.
#pragma once
#include "attention/tables/attention_tables.h"

namespace elastic {

/** Keys of a unit; they lie in consecutive rows. */
constexpr int kUnitKeys = 64;
/** Work that is worth a thread block of its own, in units. */
constexpr int kLeastWork = 4;
/** What it costs a thread block to end one head and begin the next, in units. */
constexpr int kHeadWork = 2;

/** Tokens that one sequence brings to a step at most; mirrors `mostStepTokens`. */
constexpr int kMostStepTokens = 16;

/** The first key of the window of the query after `length - 1` tokens; 0 for a head without one. */
__host__ __device__ inline int window_start(const PatternEntry& head, int length) {
  if (!head.has_window()) return 0;
  const int first = (length - 1) / head.block_size - head.local_blocks + 1;
  return (first > 0 ? first : 0) * head.block_size;
}

/**
 * The units that the last `tokens` of `length` tokens read together: those of the sink, of chosen pages, then those of the
 * windows. Only one token at a time chooses pages.
 */
struct KeyUnits {
  int sink = 0;
  int window_start = 0;
  int count = 0;
  /** Keys before `sink_end` are seen, and those of the windows, which begin at `local_start` for the first token and at `last_start` for the last. */
  int sink_end = 0;
  int local_start = 0;
  int last_start = 0;
  /** Of a head that chooses pages: how many, in units of as many as fit. */
  int pages = 0;
  int page_units = 0;
  int pages_in_unit = 1;

  __host__ __device__ KeyUnits(const HeadEntry& head, int length, int tokens) {
    if (length == 0 || tokens == 0) return;
    if (head.has_window()) {
      local_start = elastic::window_start(head, length - tokens + 1);
      last_start = elastic::window_start(head, length);
      const int64_t all = static_cast<int64_t>(head.sink_blocks) * head.block_size;
      sink_end = all < last_start ? static_cast<int>(all) : last_start;
      window_start = local_start / kUnitKeys;
      sink = (sink_end + kUnitKeys - 1) / kUnitKeys;
      if (sink > window_start) sink = window_start;
      if (head.type == PatternType::Pages) {
        const int first = local_start / head.block_size;
        const int candidates = first > head.sink_blocks ? first - head.sink_blocks : 0;
        pages = chosen_pages(head.budget_pages, head.budget_parts, head.block_size, length, candidates);
        pages_in_unit = kUnitKeys / head.block_size;
        page_units = (pages + pages_in_unit - 1) / pages_in_unit;
      }
    }
    count = sink + page_units + (length + kUnitKeys - 1) / kUnitKeys - window_start;
  }

  /** First key of a unit of the sink or the window. */
  __host__ __device__ int key(int index) const {
    return (index < sink ? index : window_start + index - sink - page_units) * kUnitKeys;
  }
  /** Whether a unit is one of chosen pages. */
  __host__ __device__ bool is_pages(int index) const { return index >= sink && index < sink + page_units; }
  /** The first chosen page of such a unit, counted among those that were chosen. */
  __host__ __device__ int first_page(int index) const { return (index - sink) * pages_in_unit; }
};

/** What one thread block reads: consecutive units, from one head into the next. */
struct DecodeShare {
  /** Sequence times key-value heads plus head. */
  int32_t item;
  /** First unit, counted in its item. */
  int32_t first;
  int32_t units;
  int32_t unused;
};

/** The thread blocks that share an item: their parts are joined in this order. */
struct DecodeItem {
  int32_t first_block;
  int32_t blocks;
  /** 1 when the first of them worked on an earlier item before. */
  int32_t offset;
  int32_t unused;
};

/** Whether a slot's token follows that of the slot before in the same sequence: no two sequences keep a head in one place. */
__host__ __device__ inline bool follows(const HeadEntry& before, int length_before, const HeadEntry& head, int length) {
  return length_before > 0 && length == length_before + 1 && head.first_slot == before.first_slot;
}

/** The work of an item is its units after `kHeadWork`. */
__host__ __device__ inline int64_t item_work(int units) { return units == 0 ? 0 : kHeadWork + units; }

__host__ __device__ inline int decode_blocks(int64_t work, int multiprocessors) {
  const int64_t worth = (work + kLeastWork - 1) / kLeastWork;
  return static_cast<int>(worth < multiprocessors ? worth : multiprocessors);
}

/** Where a thread block's share of all work starts. */
__host__ __device__ inline int64_t share_start(int64_t work, int block, int blocks) { return work * block / blocks; }

/** The thread block whose share holds a place in all work. */
__host__ __device__ inline int block_of(int64_t work, int64_t place, int blocks) {
  return static_cast<int>(((place + 1) * blocks - 1) / work);
}

/**
 * The share of a thread block. `first` says where the work of each item starts, and after the last where all ends; `item`
 * is the last one that starts at or before the share and has units.
 */
template <typename Place>
__host__ __device__ DecodeShare decode_share(const Place* first, int items, int item, int block, int blocks) {
  const int64_t all = first[items], start = share_start(all, block, blocks), end = share_start(all, block + 1, blocks);
  const int64_t before = start - first[item] - kHeadWork;
  DecodeShare share{item, before > 0 ? static_cast<int32_t>(before) : 0, 0, 0};
  for (int i = item; i < items && first[i] < end; ++i) {
    const int64_t begin = first[i] + kHeadWork > start ? first[i] + kHeadWork : start, stop = first[i + 1] < end ? first[i + 1] : end;
    if (stop > begin) share.units += static_cast<int32_t>(stop - begin);
  }
  return share;
}

/** An item whose work starts at `first` and ends at `end` of all. */
__host__ __device__ inline DecodeItem decode_item(int64_t work, int64_t first, int64_t end, int blocks) {
  if (first == end) return DecodeItem{0, 0, 0, 0};
  const int begin = block_of(work, first + kHeadWork, blocks), last = block_of(work, end - 1, blocks);
  return DecodeItem{begin, last - begin + 1, share_start(work, begin, blocks) < first, 0};
}

}  // namespace elastic
