// Blocks that were just freed, kept for whoever asks for as much again.
#pragma once
#include <cstddef>
#include <list>
#include <mutex>
#include <unordered_map>

namespace elastic {

/**
 * A layer frees and asks for the same sizes again and again; the system would take every large one back and give pages that
 * must be cleared, fault by fault. What is kept is bounded, and the oldest goes first.
 */
class FreedBlocks {
 public:
  static FreedBlocks& instance();

  /** The size under which a block of `bytes` is asked for and kept: at most an eighth more; 0 for one that is never kept. */
  static std::size_t kept_size(std::size_t bytes);

  /** A block of this kept size; null where none is there. */
  char* take(std::size_t size);
  /** From now on `free` knows the block's size. */
  void lend(char* data, std::size_t size);
  /** Whether the block was lent here, and is kept or freed now. */
  bool give_back(char* data);
  /** Gives everything that is kept back to the system. */
  void clear();

 private:
  struct Block {
    char* data;
    std::size_t size;
  };
  void drop_beyond(std::size_t bytes);

  std::mutex mutex_;
  std::unordered_map<char*, std::size_t> lent_;
  /** The newest first: the likeliest to lie in a cache. */
  std::list<Block> kept_;
  std::size_t kept_bytes_ = 0;
};

}  // namespace elastic
