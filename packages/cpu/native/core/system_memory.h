// Memory as the operating system gives it: the one place of the addon that differs between POSIX and Windows.
#pragma once
#include <cstddef>

namespace elastic {

/** Reserves addresses; nothing is there yet. Null where the system has no range so long. */
char* reserve_pages(std::size_t bytes);
/** Puts memory under reserved addresses, in huge pages where the system offers them; false where there is none left. */
bool commit_pages(char* at, std::size_t bytes);
/** Gives the memory back: the addresses stay reserved and untouchable. */
void decommit_pages(char* at, std::size_t bytes);
/** Gives a whole reservation back, memory and addresses. */
void release_pages(char* base, std::size_t bytes);

/** `bytes` is a multiple of `alignment`, a power of two; null where there is no memory left. */
char* allocate_aligned(std::size_t alignment, std::size_t bytes);
void free_aligned(char* data);
/** Large blocks are read faster through huge pages; nothing happens where the system knows none. */
void advise_huge_pages(char* data, std::size_t bytes);

}  // namespace elastic
