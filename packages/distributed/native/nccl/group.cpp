#include "nccl/group.h"

namespace elastic::nccl {

Group::Group(const UniqueId& id, int rank, int size, int device) {
  const auto& library = libraries();
  int handle = 0;
  check_driver(library.device_get(&handle, device), "device");
  check_driver(library.context_retain(&context_, handle), "context");
  check_driver(library.context_set(context_), "context");
  check_nccl(library.open(&communicator_, size, id, rank), "start");
}

Group::~Group() {
  const auto& library = libraries();
  // The process may end for a failure of the device itself: nothing here can be done about another one.
  if (library.context_set(context_) != 0) return;
  if (staging_ != 0) library.memory_free(staging_);
  library.destroy(communicator_);
}

void Group::all_reduce_sum(void* values, size_t count, DataType type) {
  const auto& library = libraries();
  const size_t bytes = count * (type == DataType::float64 ? sizeof(double) : sizeof(float));
  if (bytes == 0) return;
  // Contexts belong to threads, and the pool gives each call another one.
  check_driver(library.context_set(context_), "context");
  if (bytes > staging_bytes_) {
    if (staging_ != 0) check_driver(library.memory_free(staging_), "free");
    staging_ = 0;
    staging_bytes_ = 0;
    check_driver(library.memory_allocate(&staging_, bytes), "allocation");
    staging_bytes_ = bytes;
  }
  check_driver(library.copy_to_device(staging_, values, bytes), "copy");
  auto* device = reinterpret_cast<void*>(staging_);
  check_nccl(library.all_reduce(device, device, count, type, sum_operation, communicator_, nullptr), "sum");
  check_driver(library.stream_synchronize(nullptr), "sum");
  check_driver(library.copy_to_host(values, staging_, bytes), "copy");
}

}  // namespace elastic::nccl
