// Memory that begins as NaN, for finding reads of what was never written.
#pragma once
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdlib>

#include "core/device/check.h"

namespace elastic {

/** With ELASTIC_ATTENTION_CUDA_POISON set, all new device memory has every bit set: NaN in each type, -1 in integers. */
inline void poison_fresh(void* data, size_t bytes, cudaStream_t stream) {
  static const bool wanted = std::getenv("ELASTIC_ATTENTION_CUDA_POISON") != nullptr;
  if (wanted && bytes > 0) check(cudaMemsetAsync(data, 0xff, bytes, stream), "cudaMemsetAsync");
}

}  // namespace elastic
