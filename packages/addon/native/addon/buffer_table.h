#pragma once
#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace elastic {

/** Raised when an allocation fails or would pass the limit; becomes an OutOfMemoryError. */
struct OutOfMemory : std::runtime_error {
  explicit OutOfMemory(std::size_t bytes) : std::runtime_error("out of memory"), requested(bytes) {}
  std::size_t requested;
};

/** Memory that JavaScript knows by number only: a wrong or freed number is found out, never followed. */
class BufferTable {
 public:
  static BufferTable& instance();
  /** A new block; its number is never used again. @throws OutOfMemory */
  uint32_t allocate(std::size_t bytes);
  /** Takes over memory that `free_memory` frees. */
  uint32_t adopt(char* data, std::size_t bytes);
  /** A block has another size now, at the same address. */
  void resize(uint32_t id, std::size_t bytes);
  /** Frees a block; false when the number is not in use. */
  bool release(uint32_t id);
  /** Address and size of a block; {nullptr, 0} when the number is not in use. */
  struct Block {
    char* data;
    std::size_t bytes;
  };
  Block find(uint32_t id) const;

 private:
  BufferTable();
  struct State;
  State* state_;
};

}  // namespace elastic
