#include "core/memory/staging.h"

#include <cstring>
#include <mutex>
#include <stdexcept>

#include "core/device/check.h"

namespace elastic {
namespace {

/** A ring in pinned memory, in parts; a part is used again when the copies that left it are done. */
class Staging {
 public:
  Staging() {
    check(cudaMallocHost(reinterpret_cast<void**>(&memory_), kParts * kPartBytes), "cudaMallocHost");
    for (cudaEvent_t& event : done_) check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreate");
  }

  void upload(void* target, const void* host, size_t bytes, cudaStream_t stream) {
    const std::lock_guard lock(mutex_);
    if (used_ + bytes > kPartBytes) {
      check(cudaEventRecord(done_[part_], stream), "cudaEventRecord");
      part_ = (part_ + 1) % kParts;
      used_ = 0;
      check(cudaEventSynchronize(done_[part_]), "cudaEventSynchronize");
    }
    char* place = memory_ + static_cast<size_t>(part_) * kPartBytes + used_;
    std::memcpy(place, host, bytes);
    check(cudaMemcpyAsync(target, place, bytes, cudaMemcpyHostToDevice, stream), "cudaMemcpyAsync");
    used_ += (bytes + 63) / 64 * 64;
  }

  static constexpr int kParts = 8;
  static constexpr size_t kPartBytes = size_t{256} << 10;

 private:
  std::mutex mutex_;
  char* memory_ = nullptr;
  cudaEvent_t done_[kParts] = {};
  int part_ = 0;
  size_t used_ = 0;
};

}  // namespace

void upload_small(void* target, const void* host, size_t bytes, cudaStream_t stream) {
  // Lives as long as the process: the driver may be gone before static objects are.
  static Staging& staging = *new Staging;
  cudaStreamCaptureStatus capturing = cudaStreamCaptureStatusNone;
  check(cudaStreamIsCapturing(stream, &capturing), "cudaStreamIsCapturing");
  // The copy would be repeated from memory that holds something else by then.
  if (capturing != cudaStreamCaptureStatusNone) throw std::runtime_error("a call with host data cannot be captured");
  const char* source = static_cast<const char*>(host);
  for (size_t at = 0; at < bytes; at += Staging::kPartBytes) {
    const size_t piece = bytes - at < Staging::kPartBytes ? bytes - at : Staging::kPartBytes;
    staging.upload(static_cast<char*>(target) + at, source + at, piece, stream);
  }
}

}  // namespace elastic
