// What a single query sees, key by key: for kernels that do not work in tiles of blocks.
#pragma once
#include "attention/tables/attention_tables.h"

namespace elastic {

/** The keys that the query at `position` sees under a head's pattern. */
struct VisibleKeys {
  int position;
  /** Keys before this one are the sink. */
  int sink_end;
  /** Keys from this one on are local. */
  int local_start;
  /** Row of the mask for a selected pattern, or null. */
  const uint8_t* mask;
  int block_size;

  __device__ VisibleKeys(const HeadEntry& head, const SequenceEntry& sequence, int query_head, int query_position)
      : position(query_position), sink_end(0), local_start(0), mask(nullptr), block_size(head.block_size) {
    const int block = query_position / head.block_size;
    if (head.has_window()) {
      local_start = max(0, block - head.local_blocks + 1) * head.block_size;
      sink_end = min(head.sink_blocks * head.block_size, local_start);
    } else if (head.type == PatternType::Selected) {
      const int row = query_head * sequence.mask_query_blocks + block -
                      (sequence.mask_key_blocks - sequence.mask_query_blocks);
      mask = sequence.mask + static_cast<int64_t>(row) * sequence.mask_key_blocks;
    }
  }

  /** No key before this one is seen. */
  __device__ int first() const { return mask == nullptr && sink_end == 0 ? local_start : 0; }

  __device__ bool operator()(int key) const {
    if (key > position) return false;
    if (mask != nullptr) return mask[key / block_size] == 1;
    return key < sink_end || key >= local_start;
  }
};

}  // namespace elastic
