// Where tensors live on this machine.
#include <cstring>

#include "addon/backend.h"
#include "addon/buffer_table.h"
#include "addon/reserved_buffers.h"
#include "core/freed_blocks.h"
#include "core/system_memory.h"

namespace elastic {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

}  // namespace

/** 64-byte aligned; large blocks ask for huge pages. */
char* allocate_memory(std::size_t bytes) {
  const std::size_t kept_size = FreedBlocks::kept_size(bytes), size = kept_size > 0 ? kept_size : bytes;
  if (kept_size > 0) {
    if (char* kept = FreedBlocks::instance().take(kept_size)) return kept;
  }
  const std::size_t alignment = size >= kHugePage ? kHugePage : 64;
  const std::size_t padded = size == 0 ? alignment : (size + alignment - 1) / alignment * alignment;
  char* data = allocate_aligned(alignment, padded);
  if (data == nullptr) {
    FreedBlocks::instance().clear();
    data = allocate_aligned(alignment, padded);
  }
  if (data == nullptr) throw OutOfMemory(bytes);
  if (size >= kHugePage) advise_huge_pages(data, padded);
  if (kept_size > 0) FreedBlocks::instance().lend(data, kept_size);
  return data;
}

void free_memory(char* data) {
  if (!FreedBlocks::instance().give_back(data) && !free_reserved(data)) free_aligned(data);
}
void write_memory(char* target, const char* host, std::size_t bytes) { std::memcpy(target, host, bytes); }
void read_memory(char* host, const char* source, std::size_t bytes) { std::memcpy(host, source, bytes); }
bool computes_with(DType dtype) { return dtype == DType::F32 || dtype == DType::BF16; }
bool reads_rounded_rows() { return true; }

}  // namespace elastic
