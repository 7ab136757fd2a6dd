// Where tensors live on this machine.
#include <cstring>

#include "addon/backend.h"
#include "addon/buffer_table.h"
#include "addon/reserved_buffers.h"
#include "core/system_memory.h"

namespace elastic {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

}  // namespace

/** 64-byte aligned; large blocks ask for huge pages. */
char* allocate_memory(std::size_t bytes) {
  const std::size_t alignment = bytes >= kHugePage ? kHugePage : 64;
  const std::size_t padded = (bytes + alignment - 1) / alignment * alignment;
  char* data = allocate_aligned(alignment, padded == 0 ? alignment : padded);
  if (data == nullptr) throw OutOfMemory(bytes);
  if (bytes >= kHugePage) advise_huge_pages(data, padded);
  return data;
}

void free_memory(char* data) {
  if (!free_reserved(data)) free_aligned(data);
}
void write_memory(char* target, const char* host, std::size_t bytes) { std::memcpy(target, host, bytes); }
void read_memory(char* host, const char* source, std::size_t bytes) { std::memcpy(host, source, bytes); }
bool computes_with(DType dtype) { return dtype == DType::F32 || dtype == DType::BF16; }
bool reads_rounded_rows() { return true; }

}  // namespace elastic
