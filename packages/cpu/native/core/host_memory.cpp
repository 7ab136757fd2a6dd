// Where tensors live on this machine.
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

#include "addon/backend.h"
#include "addon/buffer_table.h"
#include "addon/reserved_buffers.h"

namespace elastic {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

}  // namespace

/** 64-byte aligned; large blocks ask for huge pages. */
char* allocate_memory(std::size_t bytes) {
  const std::size_t alignment = bytes >= kHugePage ? kHugePage : 64;
  const std::size_t padded = (bytes + alignment - 1) / alignment * alignment;
  void* data = std::aligned_alloc(alignment, padded == 0 ? alignment : padded);
  if (data == nullptr) throw OutOfMemory(bytes);
  if (bytes >= kHugePage) madvise(data, padded, MADV_HUGEPAGE);
  return static_cast<char*>(data);
}

void free_memory(char* data) {
  if (!free_reserved(data)) std::free(data);
}
void write_memory(char* target, const char* host, std::size_t bytes) { std::memcpy(target, host, bytes); }
void read_memory(char* host, const char* source, std::size_t bytes) { std::memcpy(host, source, bytes); }
bool computes_with(DType dtype) { return dtype == DType::F32 || dtype == DType::BF16; }

}  // namespace elastic
