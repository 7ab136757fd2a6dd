// Host memory that grows where it lies: addresses first, memory under them when it is asked for.
#include <map>
#include <mutex>

#include "addon/buffer_table.h"
#include "addon/reserved_buffers.h"
#include "core/system_memory.h"

namespace elastic {
namespace {

/** Memory comes in pieces of this size, so that the system can use huge pages. */
constexpr std::size_t kPiece = std::size_t{2} << 20;

/** What a reservation keeps under it when it is cleared: the next sequences fill it without a fault a page. */
constexpr std::size_t kKept = std::size_t{64} << 20;

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

}  // namespace

char* reserve_addresses(std::size_t bytes) {
  const std::size_t size = rounded(bytes);
  char* data = reserve_pages(size);
  if (data == nullptr) throw OutOfMemory(bytes);
  const std::lock_guard lock(mutex());
  reservations()[data] = {size};
  return data;
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
  if (!commit_pages(base + memory.usable, added)) throw OutOfMemory(added);
  memory.usable = size;
}

void clear_reserved(char* base) {
  const std::lock_guard lock(mutex());
  const auto found = reservations().find(base);
  if (found == reservations().end() || found->second.usable <= kKept) return;
  decommit_pages(base + kKept, found->second.usable - kKept);
  found->second.usable = kKept;
}

bool free_reserved(char* base) {
  const std::lock_guard lock(mutex());
  const auto found = reservations().find(base);
  if (found == reservations().end()) return false;
  release_pages(base, found->second.reserved);
  reservations().erase(found);
  return true;
}

}  // namespace elastic
