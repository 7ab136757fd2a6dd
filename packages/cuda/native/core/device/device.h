// The GPU that this process works on.
#pragma once
#include <cuda_runtime_api.h>

#include <cstddef>
#include <string>

namespace elastic {

struct Device {
  int id;
  int multiprocessors;
  /** Compute capability: 90 for Hopper. */
  int capability;
  size_t memory_bytes;
  std::string name;
  /** All work goes here, in the order in which it is asked for. */
  cudaStream_t stream;

  /**
   * Starts the device of this process: the first one, or, of several ranks on one machine, each rank its own.
   *
   * @throws CudaError, std::runtime_error in words for people
   */
  static const Device& instance();
};

/** Device memory for one call, given back in stream order. @throws OutOfMemory */
class Scratch {
 public:
  explicit Scratch(size_t bytes);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  char* data() const { return data_; }

 private:
  char* data_;
};

}  // namespace elastic
