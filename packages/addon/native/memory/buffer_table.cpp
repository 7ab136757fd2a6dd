#include "addon/buffer_table.h"

#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "addon/backend.h"

namespace elastic {

struct BufferTable::State {
  mutable std::shared_mutex mutex;
  std::unordered_map<uint32_t, Block> blocks;
  uint32_t next = 1;
};

BufferTable::BufferTable() : state_(new State) {}

BufferTable& BufferTable::instance() {
  static BufferTable table;
  return table;
}

uint32_t BufferTable::allocate(std::size_t bytes) { return adopt(allocate_memory(bytes), bytes); }

void BufferTable::resize(uint32_t id, std::size_t bytes) {
  std::unique_lock lock(state_->mutex);
  const auto found = state_->blocks.find(id);
  if (found != state_->blocks.end()) found->second.bytes = bytes;
}

uint32_t BufferTable::adopt(char* data, std::size_t bytes) {
  try {
    std::unique_lock lock(state_->mutex);
    const uint32_t id = state_->next++;
    state_->blocks.emplace(id, Block{data, bytes});
    return id;
  } catch (...) {
    free_memory(data);
    throw;
  }
}

bool BufferTable::release(uint32_t id) {
  Block block{nullptr, 0};
  {
    std::unique_lock lock(state_->mutex);
    const auto found = state_->blocks.find(id);
    if (found == state_->blocks.end()) return false;
    block = found->second;
    state_->blocks.erase(found);
  }
  free_memory(block.data);
  return true;
}

BufferTable::Block BufferTable::find(uint32_t id) const {
  std::shared_lock lock(state_->mutex);
  const auto found = state_->blocks.find(id);
  return found == state_->blocks.end() ? Block{nullptr, 0} : found->second;
}

}  // namespace elastic
