#include "core/system_memory.h"

#ifndef _WIN32
#include <sys/mman.h>

#include <cstdlib>

namespace elastic {
namespace {

constexpr int kReserved = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

}  // namespace

char* reserve_pages(std::size_t bytes) {
  void* data = mmap(nullptr, bytes, PROT_NONE, kReserved, -1, 0);
  return data == MAP_FAILED ? nullptr : static_cast<char*>(data);
}

bool commit_pages(char* at, std::size_t bytes) {
  if (mprotect(at, bytes, PROT_READ | PROT_WRITE) != 0) return false;
  advise_huge_pages(at, bytes);
  return true;
}

void decommit_pages(char* at, std::size_t bytes) {
  // A fresh mapping over the old one gives the memory back on every system.
  mmap(at, bytes, PROT_NONE, kReserved | MAP_FIXED, -1, 0);
}

void release_pages(char* base, std::size_t bytes) { munmap(base, bytes); }

char* allocate_aligned(std::size_t alignment, std::size_t bytes) { return static_cast<char*>(std::aligned_alloc(alignment, bytes)); }

void free_aligned(char* data) { std::free(data); }

void advise_huge_pages([[maybe_unused]] char* data, [[maybe_unused]] std::size_t bytes) {
#ifdef MADV_HUGEPAGE
  madvise(data, bytes, MADV_HUGEPAGE);
#endif
}

}  // namespace elastic
#endif
