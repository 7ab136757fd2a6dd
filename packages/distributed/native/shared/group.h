// Ranks of one machine that exchange through a piece of shared memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace elastic::shared {

struct Control;

/** What a rank has come for: ranks that have come for different things tell each other so, and nothing is exchanged. */
enum class Call : uint32_t { gather = 1, sum = 2, settle = 3 };

/**
 * One rank of a group. Calls block: they spin for a moment, then nap, so that ranks that share a core get on. One call at a
 * time. A thread watches the other processes: when one ends without having left, this process ends too and says which.
 */
class Group {
 public:
  /** Joins; returns when all ranks have come. The first rank makes the memory. Throws std::runtime_error. */
  Group(const std::string& name, int rank, int size, double timeout_seconds);
  ~Group();
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  /** The bytes of every rank; nothing when ranks have come for different things. */
  std::optional<std::vector<std::vector<uint8_t>>> exchange(Call call, const uint8_t* own, size_t bytes);
  /** Sum over the ranks, in their order, in place; false when ranks have come for different things. Throws where counts differ. */
  bool all_reduce_sum(float* values, size_t count);

 private:
  void announce(Call call, size_t length, const uint8_t* data, size_t bytes);
  bool agree(Call call) const;
  void barrier();
  uint8_t* slot(int rank) const;
  float* result() const;

  Control* control_ = nullptr;
  size_t mapped_bytes_ = 0;
  int rank_;
  int size_;
  /** Barriers that this rank has passed: what is written for one is not overwritten before the next but one. */
  uint32_t round_ = 0;
};

}  // namespace elastic::shared
