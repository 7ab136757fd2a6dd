// Which key tiles a query tile reads: the only place where the modes of attention differ.
#pragma once
#include "attention/tables/attention_tables.h"
#include "attention/tiles/tile_shape.h"

namespace elastic {

/**
 * Walks the key tiles of one query tile from the diagonal down; a whole warp walks together. With `complement` it
 * walks the causal tiles that the pattern skips. `sliding`: whether heads may have sliding windows.
 */
template <bool sliding>
class KeyTiles {
 public:
  __device__ KeyTiles(const HeadEntry& head, const SequenceEntry& sequence, int query_head, int tile, bool complement)
      : complement_(complement) {
    if (sliding && head.type == PatternType::Sliding) {
      // What its first row sees: rows before the sequence's own see nothing that is there.
      const int first_position = max(tile * kTile, sequence.offset());
      current_ = tile;
      low_ = max(0, first_position - head.local_blocks + 1) / kTile;
      return;
    }
    const bool reads_all = head.type == PatternType::Full || head.type == PatternType::Threshold;
    const int block_tiles = reads_all ? 1 : head.block_size / kTile;
    const int block = tile / block_tiles;
    if (head.type == PatternType::Selected) {
      const int row = query_head * sequence.mask_query_blocks + block -
                      (sequence.mask_key_blocks - sequence.mask_query_blocks);
      mask_ = sequence.mask + static_cast<int64_t>(row) * sequence.mask_key_blocks;
      block_tiles_ = block_tiles;
      current_ = tile;
      window_ = tile + 1;
      return;
    }
    int low = 0, sink_end = 0;
    if (head.type == PatternType::Streaming) {
      low = max(0, (block - head.local_blocks + 1) * block_tiles);
      sink_end = min(low, head.sink_blocks * block_tiles);
      if (low > tile) low = tile + 1;
    }
    if (complement) {
      current_ = low - 1;
      low_ = sink_end;
      sink_end_ = 0;
    } else {
      current_ = tile;
      low_ = low;
      sink_end_ = sink_end;
    }
  }

  /** The next tile, or -1 after the last. */
  __device__ int next() {
    if (mask_ != nullptr) return next_selected();
    if (current_ < low_) {
      if (sink_end_ == 0) return -1;
      current_ = sink_end_ - 1;
      low_ = sink_end_ = 0;
    }
    return current_-- < 0 ? -1 : current_ + 1;
  }

 private:
  /** Lanes look at 32 tiles at a time; set bits of `chosen_` are tiles `window_` + bit yet to come. */
  __device__ int next_selected() {
    while (chosen_ == 0) {
      if (window_ <= 0) return -1;
      window_ -= 32;
      const int tile = window_ + static_cast<int>(threadIdx.x % 32);
      const bool visited = tile >= 0 && tile <= current_ && (mask_[tile / block_tiles_] == 1) != complement_;
      chosen_ = __ballot_sync(0xffffffffu, visited);
    }
    const int bit = 31 - __clz(static_cast<int>(chosen_));
    chosen_ &= ~(1u << bit);
    return window_ + bit;
  }

  const uint8_t* mask_ = nullptr;
  int block_tiles_ = 1;
  int current_;
  int low_ = 0;
  int sink_end_ = 0;
  int window_ = 0;
  uint32_t chosen_ = 0;
  bool complement_;
};

}  // namespace elastic
