// Positional reads of an open file.
#pragma once
#include <cerrno>
#include <cstdint>

#ifdef _WIN32
#include <io.h>
#else
#include <unistd.h>
#endif

namespace elastic {

/** Reads exactly so many bytes; false where the file ends or cannot be read. Threads may read one file at once. */
inline bool read_piece(int descriptor, int64_t position, char* target, int64_t bytes) {
#ifdef _WIN32
  (void)descriptor, (void)position, (void)target, (void)bytes;
  return false;
#else
  while (bytes > 0) {
    const ssize_t count = ::pread(descriptor, target, static_cast<size_t>(bytes), static_cast<off_t>(position));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    target += count;
    position += count;
    bytes -= count;
  }
  return true;
#endif
}

}  // namespace elastic
