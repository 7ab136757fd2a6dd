#include "core/buffer_table.h"

#include <sys/mman.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

namespace elastic {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

char* aligned(std::size_t bytes) {
  const std::size_t alignment = bytes >= kHugePage ? kHugePage : 64;
  const std::size_t padded = (bytes + alignment - 1) / alignment * alignment;
  void* data = std::aligned_alloc(alignment, padded == 0 ? alignment : padded);
  if (data == nullptr) throw OutOfMemory(bytes);
  if (bytes >= kHugePage) madvise(data, padded, MADV_HUGEPAGE);
  return static_cast<char*>(data);
}

struct Free {
  void operator()(char* data) const { std::free(data); }
};

}  // namespace

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

uint32_t BufferTable::allocate(std::size_t bytes) {
  std::unique_ptr<char, Free> data(aligned(bytes));
  std::unique_lock lock(state_->mutex);
  const uint32_t id = state_->next++;
  state_->blocks.emplace(id, Block{data.get(), bytes});
  data.release();
  return id;
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
  std::free(block.data);
  return true;
}

BufferTable::Block BufferTable::find(uint32_t id) const {
  std::shared_lock lock(state_->mutex);
  const auto found = state_->blocks.find(id);
  return found == state_->blocks.end() ? Block{nullptr, 0} : found->second;
}

char* thread_scratch(int slot, std::size_t bytes) {
  struct Scratch {
    std::unique_ptr<char, Free> data;
    std::size_t bytes = 0;
  };
  thread_local std::array<Scratch, 8> scratches;
  Scratch& scratch = scratches.at(static_cast<std::size_t>(slot));
  if (scratch.bytes < bytes) {
    scratch.data.reset();
    scratch.bytes = 0;
    scratch.data.reset(aligned(bytes));
    scratch.bytes = bytes;
  }
  return scratch.data.get();
}

}  // namespace elastic
