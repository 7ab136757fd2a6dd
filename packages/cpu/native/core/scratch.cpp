#include "core/scratch.h"

#include <algorithm>
#include <vector>

#include "addon/backend.h"

namespace elastic {
namespace {

/** The first chunk of a thread: most kernels need less. */
constexpr std::size_t kFirstChunk = std::size_t{256} << 10;
constexpr std::size_t kAlignment = 64;

struct Chunk {
  char* data;
  std::size_t bytes;
};

/** Chunks in the order in which scopes fill them; as a rule one. */
struct Arena {
  std::vector<Chunk> chunks;
  /** The chunk that is filled now, and how far. */
  std::size_t chunk = 0;
  std::size_t used = 0;
  /** Of the first chunk that is allocated next: what all chunks held that the last outermost scope needed. */
  std::size_t wanted = kFirstChunk;

  ~Arena() { release(); }

  void release() {
    for (const Chunk& each : chunks) free_memory(each.data);
    chunks.clear();
    chunk = used = 0;
  }

  char* take(std::size_t bytes) {
    if (chunk < chunks.size() && bytes <= chunks[chunk].bytes - used) return advance(bytes);
    // Nothing is in use: what is too small goes before something larger comes.
    if (chunk == 0 && used == 0) release();
    if (!chunks.empty()) ++chunk;
    used = 0;
    if (chunk == chunks.size() || chunks[chunk].bytes < bytes) {
      const std::size_t size = std::max(bytes, chunks.empty() ? wanted : kFirstChunk);
      chunks.reserve(chunks.size() + 1);
      chunks.insert(chunks.begin() + static_cast<std::ptrdiff_t>(chunk), Chunk{allocate_memory(size), size});
    }
    return advance(bytes);
  }

  char* advance(std::size_t bytes) {
    char* data = chunks[chunk].data + used;
    used += bytes;
    return data;
  }

  void give_back(std::size_t to_chunk, std::size_t to_used) {
    chunk = to_chunk;
    used = to_used;
    if (chunk != 0 || used != 0 || chunks.size() <= 1) return;
    // The next outermost scope gets one chunk of what this one needed several for.
    wanted = 0;
    for (const Chunk& each : chunks) wanted += each.bytes;
    release();
  }
};

Arena& arena() {
  thread_local Arena memory;
  return memory;
}

}  // namespace

Scratch::Scratch() : chunk_(arena().chunk), used_(arena().used) {}

Scratch::~Scratch() { arena().give_back(chunk_, used_); }

void* Scratch::take_bytes(std::size_t bytes) { return arena().take((bytes + kAlignment - 1) / kAlignment * kAlignment); }

}  // namespace elastic
