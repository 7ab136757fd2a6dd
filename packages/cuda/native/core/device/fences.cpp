#include "core/device/fences.h"

#include <mutex>

#include "core/device/check.h"
#include "core/device/device.h"

namespace elastic {
namespace {

constexpr int64_t kEvents = 256;

struct Fences {
  std::mutex mutex;
  cudaEvent_t events[kEvents] = {};
  int64_t next = 0;
};

Fences& fences() {
  // Lives as long as the process: the driver may be gone before static objects are.
  static Fences& instance = *new Fences;
  return instance;
}

}  // namespace

int64_t record_fence() {
  Fences& ring = fences();
  const std::lock_guard lock(ring.mutex);
  cudaEvent_t& event = ring.events[ring.next % kEvents];
  if (event == nullptr) check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreate");
  check(cudaEventRecord(event, Device::instance().stream), "cudaEventRecord");
  return ring.next++;
}

bool fence_reached(int64_t fence) {
  Fences& ring = fences();
  const std::lock_guard lock(ring.mutex);
  if (fence < 0 || fence >= ring.next) return true;
  const cudaError_t status = cudaEventQuery(ring.events[fence % kEvents]);
  if (status == cudaErrorNotReady) return false;
  check(status, "cudaEventQuery");
  return true;
}

}  // namespace elastic
