#include "shared/group.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <thread>

#include "shared/control.h"
#include "shared/watch.h"

namespace elastic::shared {
namespace {

/**
 * Polls of a waiting rank: at first without a pause, then with its core given away, then with naps. Where there are cores enough a
 * rank keeps its own for about as long as a step of a model takes.
 */
constexpr int eager_polls = 4000;
constexpr int patient_polls = 4'000'000;
constexpr int yielding_polls = 200;
constexpr std::chrono::microseconds longest_nap{500};
/** Cores for each rank from which on none needs another's. */
constexpr unsigned ample_cores = 4;
/** Sums of so many values are made by every rank for itself; longer ones by parts, one for each rank. */
constexpr size_t small_sum = 4096;

class Wait {
 public:
  explicit Wait(int size) : eager_(std::thread::hardware_concurrency() >= ample_cores * static_cast<unsigned>(size) ? patient_polls : eager_polls) {}

  void pause() {
    polls_++;
    if (polls_ < eager_) return;
    if (polls_ < eager_ + yielding_polls) {
      sched_yield();
      return;
    }
    std::this_thread::sleep_for(nap_);
    nap_ = std::min(nap_ * 2, longest_nap);
  }

 private:
  int eager_;
  int polls_ = 0;
  std::chrono::microseconds nap_{10};
};

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error(what + ": " + std::strerror(errno)); }

/** Waits for `done` until the time is over. */
template <typename Done>
void wait_for(Done done, double seconds, const std::string& problem) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error(problem);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

int open_memory(const std::string& path, int rank, int size, double seconds) {
  if (rank == 0) {
    const int file = shm_open(path.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
    if (file < 0) fail("the shared memory " + path + " cannot be made");
    if (ftruncate(file, static_cast<off_t>(memory_bytes(size))) != 0) fail("the shared memory " + path + " cannot have its size");
    return file;
  }
  int file = -1;
  const auto is_there = [&] {
    file = shm_open(path.c_str(), O_RDWR, 0600);
    struct stat status = {};
    if (file >= 0 && fstat(file, &status) == 0 && static_cast<size_t>(status.st_size) >= memory_bytes(size)) return true;
    if (file >= 0) close(file);
    return false;
  };
  wait_for(is_there, seconds, "rank 0 has not come");
  return file;
}

}  // namespace

Group::Group(const std::string& name, int rank, int size, double timeout_seconds) : rank_(rank), size_(size) {
  if (size < 1 || size > most_ranks || rank < 0 || rank >= size) throw std::runtime_error("a group has 1 to 64 ranks");
  const std::string path = "/" + name;
  const int file = open_memory(path, rank, size, timeout_seconds);
  mapped_bytes_ = memory_bytes(size);
  void* memory = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (memory == MAP_FAILED) fail("the shared memory cannot be mapped");
  control_ = static_cast<Control*>(memory);
  if (rank == 0) {
    control_->size = size;
    control_->ended.store(-1);
    control_->ready.store(ready_mark);
  }
  try {
    wait_for([&] { return control_->ready.load() == ready_mark; }, timeout_seconds, "rank 0 has not come");
    control_->ranks[rank].process.store(getpid());
    control_->ranks[rank].presence.store(Presence::present);
    control_->joined.fetch_add(1);
    const auto all_there = [&] { return control_->joined.load() >= size; };
    wait_for(all_there, timeout_seconds, "not all ranks have come: " + std::to_string(control_->joined.load()) + " of " + std::to_string(size));
  } catch (...) {
    control_->ranks[rank].presence.store(Presence::left);
    if (rank == 0) shm_unlink(path.c_str());
    munmap(memory, mapped_bytes_);
    throw;
  }
  // Everybody has it mapped: nothing stays behind whatever happens from here on.
  if (rank == 0) shm_unlink(path.c_str());
  watch_ranks(control_, rank);
}

Group::~Group() {
  // The memory stays mapped: the watching thread may look at it once more.
  control_->ranks[rank_].presence.store(Presence::left);
}

uint8_t* Group::slot(int rank) const {
  return reinterpret_cast<uint8_t*>(control_) + data_offset + (2 * static_cast<size_t>(rank) + round_ % 2) * slot_bytes;
}

float* Group::result() const { return reinterpret_cast<float*>(slot(size_)); }

void Group::barrier() {
  const uint32_t before = control_->passed.load();
  if (control_->arrived.fetch_add(1) + 1 == static_cast<uint32_t>(size_)) {
    control_->arrived.store(0);
    control_->passed.store(before + 1);
  } else {
    Wait wait(size_);
    while (control_->passed.load() == before) wait.pause();
  }
}

void Group::announce(Call call, size_t length, const uint8_t* data, size_t bytes) {
  control_->ranks[rank_].headers[round_ % 2] = {static_cast<uint32_t>(call), length};
  if (bytes > 0) std::memcpy(slot(rank_), data, bytes);
  barrier();
}

bool Group::agree(Call call) const {
  for (int other = 0; other < size_; other++) {
    if (control_->ranks[other].headers[round_ % 2].call != static_cast<uint32_t>(call)) return false;
  }
  return true;
}

std::optional<std::vector<std::vector<uint8_t>>> Group::exchange(Call call, const uint8_t* own, size_t bytes) {
  announce(call, bytes, own, std::min(bytes, slot_bytes));
  if (!agree(call)) {
    round_++;
    return std::nullopt;
  }
  std::vector<std::vector<uint8_t>> all(static_cast<size_t>(size_));
  size_t longest = 0;
  for (int other = 0; other < size_; other++) {
    const size_t length = control_->ranks[other].headers[round_ % 2].length;
    all[static_cast<size_t>(other)].resize(length);
    longest = std::max(longest, length);
  }
  for (size_t start = 0;;) {
    for (int other = 0; other < size_; other++) {
      auto& target = all[static_cast<size_t>(other)];
      if (start < target.size()) std::memcpy(target.data() + start, slot(other), std::min(slot_bytes, target.size() - start));
    }
    round_++;
    start += slot_bytes;
    if (start >= longest) return all;
    if (start < bytes) std::memcpy(slot(rank_), own + start, std::min(slot_bytes, bytes - start));
    barrier();
  }
}

bool Group::all_reduce_sum(float* values, size_t count) {
  constexpr size_t piece_values = slot_bytes / sizeof(float);
  const auto piece_of = [&](size_t start) { return std::min(piece_values, count - start); };
  announce(Call::sum, count, reinterpret_cast<const uint8_t*>(values), piece_of(0) * sizeof(float));
  if (!agree(Call::sum)) {
    round_++;
    return false;
  }
  for (int other = 0; other < size_; other++) {
    const size_t length = control_->ranks[other].headers[round_ % 2].length;
    if (length == count) continue;
    round_++;
    throw std::runtime_error("rank " + std::to_string(other) + " sums " + std::to_string(length) + " values, rank " + std::to_string(rank_) + " " + std::to_string(count));
  }
  for (size_t start = 0; start < count;) {
    const size_t piece = piece_of(start);
    const auto sum_into = [&](float* target, size_t first, size_t last) {
      std::memcpy(target + first, reinterpret_cast<const float*>(slot(0)) + first, (last - first) * sizeof(float));
      for (int other = 1; other < size_; other++) {
        const float* source = reinterpret_cast<const float*>(slot(other));
        for (size_t i = first; i < last; i++) target[i] += source[i];
      }
    };
    if (piece <= small_sum) {
      sum_into(values + start, 0, piece);
      round_++;
    } else {
      const size_t share = (piece + static_cast<size_t>(size_) - 1) / static_cast<size_t>(size_);
      const size_t first = std::min(piece, share * static_cast<size_t>(rank_));
      float* target = result();
      sum_into(target, first, std::min(piece, first + share));
      barrier();
      std::memcpy(values + start, target, piece * sizeof(float));
      round_ += 2;
    }
    start += piece;
    if (start >= count) return true;
    std::memcpy(slot(rank_), values + start, piece_of(start) * sizeof(float));
    barrier();
  }
  round_++;
  return true;
}

}  // namespace elastic::shared
