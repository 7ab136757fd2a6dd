#include "core/system_memory.h"

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <malloc.h>

namespace elastic {

char* reserve_pages(std::size_t bytes) { return static_cast<char*>(VirtualAlloc(nullptr, bytes, MEM_RESERVE, PAGE_NOACCESS)); }

bool commit_pages(char* at, std::size_t bytes) { return VirtualAlloc(at, bytes, MEM_COMMIT, PAGE_READWRITE) != nullptr; }

void decommit_pages(char* at, std::size_t bytes) { VirtualFree(at, bytes, MEM_DECOMMIT); }

void release_pages(char* base, std::size_t) { VirtualFree(base, 0, MEM_RELEASE); }

char* allocate_aligned(std::size_t alignment, std::size_t bytes) { return static_cast<char*>(_aligned_malloc(bytes, alignment)); }

void free_aligned(char* data) { _aligned_free(data); }

// Large pages are a right that few accounts have here.
void advise_huge_pages(char*, std::size_t) {}

}  // namespace elastic
#endif
