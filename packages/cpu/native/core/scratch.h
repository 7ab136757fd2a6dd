// Memory that a kernel needs while it runs.
#pragma once
#include <cstddef>
#include <cstdint>

namespace elastic {

/**
 * Scratch memory of this thread, for the time of a scope. Scopes nest: each takes memory behind what the scopes around it
 * have taken, so that no two uses can meet. What a scope gives back stays with the thread for the next one, so that nothing
 * is allocated once a thread has met its largest use.
 */
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  /** Room for so many elements until the scope ends, 64-byte aligned, not initialised. @throws OutOfMemory */
  // Always inlined: files compiled for other instruction sets must not share one copy of it.
  template <typename Element>
  __attribute__((always_inline)) inline Element* take(int64_t count) {
    return static_cast<Element*>(take_bytes(static_cast<std::size_t>(count) * sizeof(Element)));
  }

 private:
  void* take_bytes(std::size_t bytes);
  std::size_t chunk_;
  std::size_t used_;
};

}  // namespace elastic
