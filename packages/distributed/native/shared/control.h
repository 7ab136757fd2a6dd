// The layout of the memory that the ranks of a group share.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace elastic::shared {

constexpr int most_ranks = 64;
/** Bytes that a rank exchanges at once; longer messages go in pieces. */
constexpr size_t slot_bytes = size_t{1} << 20;

enum class Presence : uint32_t { absent = 0, present = 1, left = 2 };

struct Header {
  uint32_t call;
  uint64_t length;
};

struct alignas(64) RankState {
  std::atomic<int64_t> process;
  std::atomic<Presence> presence;
  /** For barriers of even and odd numbers. */
  Header headers[2];
};

struct Control {
  /** Set last, when the memory is ready. */
  std::atomic<uint64_t> ready;
  int32_t size;
  alignas(64) std::atomic<int32_t> joined;
  alignas(64) std::atomic<uint32_t> arrived;
  alignas(64) std::atomic<uint32_t> passed;
  /** The first rank whose end was noticed; -1 while all are there. */
  alignas(64) std::atomic<int32_t> ended;
  RankState ranks[most_ranks];
};

constexpr uint64_t ready_mark = 0x656c61737469631;

constexpr size_t data_offset = (sizeof(Control) + 4095) / 4096 * 4096;

/** Slots of every rank and a result, each twice. */
constexpr size_t memory_bytes(int size) { return data_offset + 2 * (static_cast<size_t>(size) + 1) * slot_bytes; }

}  // namespace elastic::shared
