// Files straight into device memory: several threads read pieces into pinned memory, from where they are copied while the
// next pieces are read.
#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "addon/file_piece.h"
#include "addon/preparation.h"
#include "core/device/check.h"
#include "core/device/device.h"

namespace elastic {
namespace {

constexpr int kThreads = 8;
constexpr int kBuffers = 2;
constexpr int64_t kPieceBytes = int64_t{8} << 20;

/** One thread's pinned memory; a buffer is used again when the copy that left it is done. */
struct Reader {
  std::array<char*, kBuffers> buffers{};
  std::array<cudaEvent_t, kBuffers> copied{};
  int next = 0;
};

class Readers {
 public:
  Readers() {
    for (Reader& reader : readers_) {
      for (int i = 0; i < kBuffers; ++i) {
        check(cudaMallocHost(reinterpret_cast<void**>(&reader.buffers[static_cast<size_t>(i)]), kPieceBytes), "cudaMallocHost");
        check(cudaEventCreateWithFlags(&reader.copied[static_cast<size_t>(i)], cudaEventDisableTiming), "cudaEventCreate");
      }
    }
  }

  void read(int descriptor, int64_t position, char* target, int64_t bytes) {
    const std::lock_guard lock(mutex_);
    const int64_t pieces = (bytes + kPieceBytes - 1) / kPieceBytes;
    const auto threads = static_cast<size_t>(std::min<int64_t>(pieces, kThreads));
    std::atomic<int64_t> next{0};
    std::vector<const char*> problems(threads, nullptr);
    const Device& device = Device::instance();
    const auto work = [&](size_t index) {
      // Every thread begins on the first device.
      if (cudaSetDevice(device.id) != cudaSuccess) problems[index] = "the device cannot be used";
      for (int64_t piece = next++; piece < pieces && problems[index] == nullptr; piece = next++) {
        const int64_t start = piece * kPieceBytes, size = std::min(kPieceBytes, bytes - start);
        problems[index] = copy_piece(readers_[index], device.stream, descriptor, position + start, target + start, size);
      }
    };
    std::vector<std::thread> others;
    for (size_t index = 1; index < threads; ++index) others.emplace_back(work, index);
    work(0);
    for (std::thread& thread : others) thread.join();
    for (const char* problem : problems) {
      if (problem != nullptr) throw std::runtime_error(problem);
    }
  }

 private:
  /** @returns what went wrong, or null: exceptions do not leave threads */
  static const char* copy_piece(Reader& reader, cudaStream_t stream, int descriptor, int64_t position, char* target, int64_t bytes) {
    const auto slot = static_cast<size_t>(reader.next);
    reader.next = (reader.next + 1) % kBuffers;
    if (cudaEventSynchronize(reader.copied[slot]) != cudaSuccess) return "a copy to the device failed";
    if (!read_piece(descriptor, position, reader.buffers[slot], bytes)) return "the file cannot be read to its end";
    const bool issued = cudaMemcpyAsync(target, reader.buffers[slot], static_cast<size_t>(bytes), cudaMemcpyHostToDevice,
                                        stream) == cudaSuccess &&
                        cudaEventRecord(reader.copied[slot], stream) == cudaSuccess;
    return issued ? nullptr : "a copy to the device failed";
  }

  std::mutex mutex_;
  std::array<Reader, kThreads> readers_;
};

}  // namespace

void backend::read_file(int descriptor, int64_t position, char* target, int64_t bytes) {
  // Lives as long as the process: the driver may be gone before static objects are.
  static Readers& readers = *new Readers;
  readers.read(descriptor, position, target, bytes);
}

}  // namespace elastic
