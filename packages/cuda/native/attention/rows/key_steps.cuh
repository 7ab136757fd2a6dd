// How the row kernel on tensor cores walks through keys, and how that walk is split.
#pragma once
#include "attention/tables/attention_tables.h"

namespace elastic {

constexpr int kWarps = 4;
/** Rows of a tensor-core tile: query heads of a group, and query rows, side by side. */
constexpr int kRows = 16;
/** Keys of a step. */
constexpr int kKeys = 16;
/** Steps that are not split further: four for each warp. */
constexpr int kLeastSteps = 4 * kWarps;

/** The steps that a tile of rows takes through its head's keys: those of the sink, then those of the window. */
struct KeySteps {
  int sink;
  int window_start;
  int count;
  /** First key of the window. */
  int local_start = 0;

  __device__ KeySteps(const HeadEntry& head, int first_position, int last_position) : sink(0), window_start(0) {
    if (head.has_window()) {
      local_start = max(0, first_position / head.block_size - head.local_blocks + 1) * head.block_size;
      window_start = local_start / kKeys;
      sink = min(window_start, (head.sink_blocks * head.block_size + kKeys - 1) / kKeys);
    }
    count = sink + last_position / kKeys + 1 - window_start;
  }

  /** Parts that are worth a thread block each: heads that read little are split less. */
  __device__ int parts(int splits) const { return min(splits, (count + kLeastSteps - 1) / kLeastSteps); }
  __device__ int2 part(int index, int splits) const {
    const int64_t number = parts(splits);
    return make_int2(static_cast<int>(count * static_cast<int64_t>(index) / number),
                     static_cast<int>(count * static_cast<int64_t>(index + 1) / number));
  }
  /** First key of a step that may be read: those before the window may have been dropped, or never written. */
  __device__ int first_read(int index) const { return index < sink ? 0 : local_start; }
  __device__ int key(int index) const { return (index < sink ? index : window_start + index - sink) * kKeys; }
};

}  // namespace elastic
