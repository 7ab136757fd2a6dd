// The keys that a decoding head reads, in units, and how the units of all heads are shared out.
#pragma once
#include "attention/attention_tables.h"

namespace elastic {

/** Keys of a unit; they lie in consecutive rows. */
constexpr int kUnitKeys = 64;
/** Units that are worth a thread block of their own. */
constexpr int kLeastUnits = 4;

/** The units that the query after `length - 1` tokens reads: those of the sink, then those of the window. */
struct KeyUnits {
  int sink = 0;
  int window_start = 0;
  int count = 0;
  /** Keys before `sink_end` and from `local_start` on are seen. */
  int sink_end = 0;
  int local_start = 0;

  __host__ __device__ KeyUnits(const HeadEntry& head, int length) {
    if (length == 0) return;
    if (head.type == PatternType::Streaming) {
      const int first = (length - 1) / head.block_size - head.local_blocks + 1;
      local_start = (first > 0 ? first : 0) * head.block_size;
      const int64_t all = static_cast<int64_t>(head.sink_blocks) * head.block_size;
      sink_end = all < local_start ? static_cast<int>(all) : local_start;
      window_start = local_start / kUnitKeys;
      sink = (sink_end + kUnitKeys - 1) / kUnitKeys;
      if (sink > window_start) sink = window_start;
    }
    count = sink + (length + kUnitKeys - 1) / kUnitKeys - window_start;
  }

  /** First key of a unit. */
  __host__ __device__ int key(int index) const { return (index < sink ? index : window_start + index - sink) * kUnitKeys; }
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

__host__ __device__ inline int decode_blocks(int64_t total, int multiprocessors) {
  const int64_t worth = (total + kLeastUnits - 1) / kLeastUnits;
  return static_cast<int>(worth < multiprocessors ? worth : multiprocessors);
}

/** First unit of a thread block's share. */
__host__ __device__ inline int64_t share_start(int64_t total, int block, int blocks) { return total * block / blocks; }

/** The thread block whose share a unit is in. */
__host__ __device__ inline int block_of(int64_t total, int64_t unit, int blocks) {
  return static_cast<int>(((unit + 1) * blocks - 1) / total);
}

/** An item whose units start at `first` of all. */
__host__ __device__ inline DecodeItem decode_item(int64_t total, int64_t first, int count, int blocks) {
  if (count == 0) return DecodeItem{0, 0, 0, 0};
  const int begin = block_of(total, first, blocks), end = block_of(total, first + count - 1, blocks);
  return DecodeItem{begin, end - begin + 1, share_start(total, begin, blocks) < first, 0};
}

}  // namespace elastic
