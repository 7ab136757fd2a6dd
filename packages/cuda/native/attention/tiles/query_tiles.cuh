// Which query tiles read a key tile: the transpose of `KeyTiles`, for the backward.
#pragma once
#include "attention/tables/attention_tables.h"
#include "attention/tiles/tile_shape.h"

namespace elastic {

/**
 * Walks those of a range of query tiles, of `query_rows` positions each, that see one key tile; a whole warp walks together.
 * They ascend, in a head that reads all keys alone, or descend. `query_rows` divides kTile.
 */
template <int query_rows>
class QueryTiles {
 public:
  __device__ QueryTiles(const HeadEntry& head, const SequenceEntry& sequence, int query_head, int key_tile, int first_tile,
                        int end_tile, bool descending) {
    constexpr int split = kTile / query_rows;
    const int block_tiles = head.type == PatternType::Full ? 1 : head.block_size / kTile;
    const int block = key_tile / block_tiles;
    current_ = end_tile - 1;
    low_ = max(key_tile * split, first_tile);
    if (head.type == PatternType::Streaming && block >= head.sink_blocks) {
      // Query block i reads key block j where j > i - local.
      const int64_t last = (int64_t{block} + head.local_blocks) * block_tiles * split - 1;
      current_ = static_cast<int>(min(int64_t{current_}, last));
    } else if (head.type == PatternType::Selected) {
      tiles_of_block_ = block_tiles * split;
      row_stride_ = sequence.mask_key_blocks;
      const int row = query_head * sequence.mask_query_blocks - (sequence.mask_key_blocks - sequence.mask_query_blocks);
      mask_ = sequence.mask + static_cast<int64_t>(row) * row_stride_ + block;
      window_ = current_ + 1;
    } else if (!descending) {
      next_ = low_;
    }
  }

  /** The next tile, or -1 after the last. */
  __device__ int next() {
    if (mask_ != nullptr) return next_selected();
    if (next_ >= 0) return next_ > current_ ? -1 : next_++;
    return current_ < low_ ? -1 : current_--;
  }

 private:
  /** Lanes look at 32 tiles at a time; set bits of `chosen_` are tiles `window_` + bit yet to come. */
  __device__ int next_selected() {
    while (chosen_ == 0) {
      if (window_ <= low_) return -1;
      window_ -= 32;
      const int tile = window_ + static_cast<int>(threadIdx.x % 32);
      const bool visited = tile >= low_ && tile <= current_ && mask_[int64_t{tile / tiles_of_block_} * row_stride_] == 1;
      chosen_ = __ballot_sync(0xffffffffu, visited);
    }
    const int bit = 31 - __clz(static_cast<int>(chosen_));
    chosen_ &= ~(1u << bit);
    return window_ + bit;
  }

  /** Column of the key block in the mask, counted from position 0; null where tiles lie in a row. */
  const uint8_t* mask_ = nullptr;
  int64_t row_stride_ = 0;
  int tiles_of_block_ = 1;
  int current_;
  int low_;
  /** Where tiles ascend: the next one. */
  int next_ = -1;
  int window_ = 0;
  uint32_t chosen_ = 0;
};

/** The key tile before `key_tile` that a query tile at `position` reads too, or -1; a whole warp looks together. */
__device__ inline int previous_key_tile(const HeadEntry& head, const SequenceEntry& sequence, int query_head, int position,
                                        int key_tile) {
  if (head.type == PatternType::Full) return key_tile - 1;
  const int block_tiles = head.block_size / kTile;
  const int query_block = position / head.block_size;
  if (head.type == PatternType::Streaming) {
    const int before = key_tile - 1;
    const int block = before / block_tiles;
    const bool read = before >= 0 && (block < head.sink_blocks || block > query_block - head.local_blocks);
    return read ? before : min(before, head.sink_blocks * block_tiles - 1);
  }
  if (key_tile % block_tiles != 0) return key_tile - 1;
  const int row = query_head * sequence.mask_query_blocks + query_block -
                  (sequence.mask_key_blocks - sequence.mask_query_blocks);
  const uint8_t* mask = sequence.mask + static_cast<int64_t>(row) * sequence.mask_key_blocks;
  for (int last = key_tile / block_tiles - 1; last >= 0; last -= 32) {
    const int block = last - static_cast<int>(threadIdx.x % 32);
    const uint32_t read = __ballot_sync(0xffffffffu, block >= 0 && mask[block] == 1);
    if (read != 0) return (last - (__ffs(static_cast<int>(read)) - 1)) * block_tiles + block_tiles - 1;
  }
  return -1;
}

}  // namespace elastic
