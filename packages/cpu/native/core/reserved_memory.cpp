// Host memory that grows where it lies: addresses first, memory under them when it is asked for.
#include <sys/mman.h>
#include <unistd.h>

#include <map>
#include <mutex>

#include "addon/buffer_table.h"
#include "addon/reserved_buffers.h"

namespace elastic {
namespace {

/** Memory comes in pieces of this size, so that the system can use huge pages. */
constexpr std::size_t kPiece = std::size_t{2} << 20;

struct Reservation {
  std::size_t reserved;
  std::size_t usable = 0;
};

std::mutex& mutex() {
  static std::mutex instance;
  return instance;
}

std::map<char*, Reservation>& reservations() {
  static auto& instance = *new std::map<char*, Reservation>;
  return instance;
}

std::size_t rounded(std::size_t bytes) { return (bytes + kPiece - 1) / kPiece * kPiece; }

/** The system forgets what was there: the addresses stay, untouchable. */
void forget(char* base, Reservation& memory) {
  if (memory.usable == 0) return;
  // A fresh mapping over the old one gives the memory back on every system.
  mmap(base, memory.usable, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  memory.usable = 0;
}

}  // namespace

char* reserve_addresses(std::size_t bytes) {
  const std::size_t size = rounded(bytes);
  void* data = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) throw OutOfMemory(bytes);
  const std::lock_guard lock(mutex());
  reservations()[static_cast<char*>(data)] = {size};
  return static_cast<char*>(data);
}

void grow_reserved(char* base, std::size_t bytes) {
  const std::lock_guard lock(mutex());
  const auto found = reservations().find(base);
  if (found == reservations().end()) throw std::range_error("this memory does not grow");
  Reservation& memory = found->second;
  const std::size_t size = rounded(bytes);
  if (size > memory.reserved) throw std::range_error("more is asked for than was reserved");
  if (size <= memory.usable) return;
  const std::size_t added = size - memory.usable;
  if (mprotect(base + memory.usable, added, PROT_READ | PROT_WRITE) != 0) throw OutOfMemory(added);
#ifdef MADV_HUGEPAGE
  madvise(base + memory.usable, added, MADV_HUGEPAGE);
#endif
  memory.usable = size;
}

void clear_reserved(char* base) {
  const std::lock_guard lock(mutex());
  const auto found = reservations().find(base);
  if (found != reservations().end()) forget(base, found->second);
}

bool free_reserved(char* base) {
  const std::lock_guard lock(mutex());
  const auto found = reservations().find(base);
  if (found == reservations().end()) return false;
  munmap(base, found->second.reserved);
  reservations().erase(found);
  return true;
}

}  // namespace elastic
