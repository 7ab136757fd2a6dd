// The key tiles of one query tile in order, with what the consumers must know of each.
#pragma once
#include <type_traits>

#include "attention/forward/forward_tiles.cuh"
#include "attention/tiles/key_tiles.cuh"

namespace elastic {

/** Of a query tile of one block of 128 rows. A dual forward reads the pattern's tiles, then those that the pattern skips. */
template <typename Traits>
class BlockTiles {
 public:
  __device__ BlockTiles(const HeadEntry& head, const SequenceEntry& sequence, int query_head, int tile)
      : head_(head), sequence_(sequence), query_head_(query_head), tile_(tile), tiles_(head, sequence, query_head, tile, false) {
    following_ = tiles_.next();
    sparse_empty_ = following_ < 0;
    if (Traits::dual && sparse_empty_) begin_complement();
  }

  __device__ bool empty() const { return following_ < 0; }
  /** Whether the pattern reads nothing. */
  __device__ bool sparse_empty() const { return sparse_empty_; }

  /** The next tile and its flags, or -1 after the last; a whole warp walks together. */
  __device__ int next(int& flags) {
    const int key_tile = following_;
    if (key_tile < 0) return -1;
    following_ = tiles_.next();
    flags = key_tile == tile_ ? kDiagonal : 0;
    if (Traits::terms && head_.type == PatternType::Sliding) flags |= edge_flags(tile_, key_tile, head_.local_blocks);
    if (Traits::dual && following_ < 0 && !complement_) {
      flags |= kSnapshot;
      begin_complement();
    }
    if (following_ < 0) flags |= kLast;
    return key_tile;
  }

 private:
  using Tiles = KeyTiles<Traits::terms>;

  __device__ void begin_complement() {
    complement_ = true;
    tiles_ = Tiles(head_, sequence_, query_head_, tile_, true);
    following_ = tiles_.next();
  }

  const HeadEntry& head_;
  const SequenceEntry& sequence_;
  int query_head_;
  int tile_;
  Tiles tiles_;
  int following_;
  bool sparse_empty_;
  bool complement_ = false;
};

/** Of a wide query tile, whose 192 rows lie in two blocks of 128: the tiles of both, merged. */
template <typename Traits>
class WideTiles {
 public:
  __device__ WideTiles(const HeadEntry& head, const SequenceEntry& sequence, int query_head, int tile)
      : block_(tile * Traits::rows / kTile),
        earlier_(head, sequence, query_head, block_, false),
        later_(head, sequence, query_head, block_ + 1, false) {
    // Blocks before the first query and after the last key have no rows of the sequence, so they read nothing.
    next_earlier_ = block_ >= sequence.offset() / kTile ? earlier_.next() : -1;
    next_later_ = (block_ + 1) * kTile < sequence.key_length ? later_.next() : -1;
  }

  __device__ bool empty() const { return max(next_earlier_, next_later_) < 0; }
  __device__ bool sparse_empty() const { return empty(); }

  /** The next tile and its flags, those of the later block above the others, or -1 after the last. */
  __device__ int next(int& flags) {
    const int key_tile = max(next_earlier_, next_later_);
    if (key_tile < 0) return -1;
    int earlier = kAbsent, later = kAbsent;
    if (next_earlier_ == key_tile) {
      earlier = key_tile == block_ ? kDiagonal : 0;
      next_earlier_ = earlier_.next();
    }
    if (next_later_ == key_tile) {
      later = key_tile == block_ + 1 ? kDiagonal : 0;
      next_later_ = later_.next();
    }
    if (empty()) earlier |= kLast, later |= kLast;
    flags = earlier | later << kLaterShift;
    return key_tile;
  }

 private:
  int block_;
  KeyTiles<false> earlier_;
  KeyTiles<false> later_;
  int next_earlier_;
  int next_later_;
};

template <typename Traits>
using TileWalk = std::conditional_t<Traits::wide, WideTiles<Traits>, BlockTiles<Traits>>;

}  // namespace elastic
