#include "core/freed_blocks.h"

#include <bit>

#include "core/system_memory.h"

namespace elastic {
namespace {

/** Smaller ones come from the heap without a fault; larger ones are weights and caches, which stay. */
constexpr std::size_t kLeastBytes = std::size_t{64} << 10, kMostBytes = std::size_t{16} << 20;
/** Several times what one layer of a long slice works in. */
constexpr std::size_t kKeptBytes = std::size_t{64} << 20;

}  // namespace

FreedBlocks& FreedBlocks::instance() {
  // Never destroyed: tensors may be freed by finalizers after static destructors ran.
  static auto* blocks = new FreedBlocks;
  return *blocks;
}

std::size_t FreedBlocks::kept_size(std::size_t bytes) {
  if (bytes < kLeastBytes || bytes > kMostBytes) return 0;
  const std::size_t step = std::bit_floor(bytes) / 8;
  return (bytes + step - 1) / step * step;
}

char* FreedBlocks::take(std::size_t size) {
  const std::lock_guard lock(mutex_);
  for (auto block = kept_.begin(); block != kept_.end(); ++block) {
    if (block->size != size) continue;
    char* data = block->data;
    kept_bytes_ -= size;
    kept_.erase(block);
    lent_[data] = size;
    return data;
  }
  return nullptr;
}

void FreedBlocks::lend(char* data, std::size_t size) {
  const std::lock_guard lock(mutex_);
  lent_[data] = size;
}

bool FreedBlocks::give_back(char* data) {
  const std::lock_guard lock(mutex_);
  const auto found = lent_.find(data);
  if (found == lent_.end()) return false;
  kept_.push_front({data, found->second});
  kept_bytes_ += found->second;
  lent_.erase(found);
  drop_beyond(kKeptBytes);
  return true;
}

void FreedBlocks::clear() {
  const std::lock_guard lock(mutex_);
  drop_beyond(0);
}

void FreedBlocks::drop_beyond(std::size_t bytes) {
  while (kept_bytes_ > bytes) {
    const Block& oldest = kept_.back();
    kept_bytes_ -= oldest.size;
    free_aligned(oldest.data);
    kept_.pop_back();
  }
}

}  // namespace elastic
