// One group of ranks, each with a GPU.
#pragma once

#include <cstddef>

#include "nccl/libraries.h"

namespace elastic::nccl {

/** Owns its communicator, its hold on the GPU and a staging buffer that grows with the largest sum. One call at a time. */
class Group {
 public:
  /** Returns when all ranks have come. Throws std::runtime_error. */
  Group(const UniqueId& id, int rank, int size, int device);
  ~Group();
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  /** Sum over all ranks, in place in host memory. */
  void all_reduce_sum(void* values, size_t count, DataType type);

 private:
  void* context_ = nullptr;
  Communicator communicator_ = nullptr;
  DevicePointer staging_ = 0;
  size_t staging_bytes_ = 0;
};

}  // namespace elastic::nccl
