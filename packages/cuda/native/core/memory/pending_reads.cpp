#include "core/memory/pending_reads.h"

#include <map>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "core/device/check.h"
#include "core/device/device.h"

namespace elastic {
namespace {

/** Pinned memory for one read and the event behind its copy; used again by later reads, never freed. */
struct Place {
  char* memory = nullptr;
  cudaEvent_t copied = nullptr;
};

Place new_place() {
  Place place;
  check(cudaMallocHost(reinterpret_cast<void**>(&place.memory), kPendingReadBytes), "cudaMallocHost");
  const cudaError_t status = cudaEventCreateWithFlags(&place.copied, cudaEventDisableTiming);
  if (status != cudaSuccess) cudaFreeHost(place.memory);
  check(status, "cudaEventCreate");
  return place;
}

struct Reads {
  std::mutex mutex;
  std::vector<Place> free;
  std::map<int64_t, Place> pending;
  int64_t next = 1;
};

Reads& reads() {
  // Lives as long as the process: the driver may be gone before static objects are.
  static Reads& instance = *new Reads;
  return instance;
}

}  // namespace

int64_t start_read(const char* source, size_t rows, size_t row_bytes, size_t stride_bytes) {
  // By division: products of hostile sizes must not wrap around.
  const size_t most_rows = row_bytes == 0 ? rows : kPendingReadBytes / row_bytes;
  if (rows > most_rows) throw std::range_error("the tensor is too large for a pending read");
  const cudaStream_t stream = Device::instance().stream;
  cudaStreamCaptureStatus capturing = cudaStreamCaptureStatusNone;
  check(cudaStreamIsCapturing(stream, &capturing), "cudaStreamIsCapturing");
  if (capturing != cudaStreamCaptureStatusNone) throw std::runtime_error("a download cannot be captured");
  Reads& all = reads();
  const std::lock_guard lock(all.mutex);
  if (all.free.empty()) all.free.push_back(new_place());
  // Stays among the free ones when a call fails. A copy that was given up may still be under way to it: the stream
  // keeps the two in order, and the event is recorded anew.
  const Place place = all.free.back();
  if (rows * row_bytes > 0) {
    check(cudaMemcpy2DAsync(place.memory, row_bytes, source, stride_bytes, row_bytes, rows, cudaMemcpyDeviceToHost, stream),
          "cudaMemcpy2DAsync to the host");
  }
  check(cudaEventRecord(place.copied, stream), "cudaEventRecord");
  all.pending.emplace(all.next, place);
  all.free.pop_back();
  return all.next++;
}

const char* await_read(int64_t read) {
  Reads& all = reads();
  Place place;
  {
    const std::lock_guard lock(all.mutex);
    const auto found = all.pending.find(read);
    if (found == all.pending.end()) throw std::range_error("there is no such read");
    place = found->second;
  }
  check(cudaEventSynchronize(place.copied), "cudaEventSynchronize");
  return place.memory;
}

bool release_read(int64_t read) {
  Reads& all = reads();
  const std::lock_guard lock(all.mutex);
  const auto found = all.pending.find(read);
  if (found == all.pending.end()) return false;
  all.free.push_back(found->second);
  all.pending.erase(found);
  return true;
}

}  // namespace elastic
