// Small host data on its way to the device, in stream order and without waiting.
#pragma once
#include <cuda_runtime_api.h>

#include <cstddef>

namespace elastic {

/**
 * Copies a few kilobytes to the device in stream order; the host memory may change at once. Goes through pinned memory:
 * from pageable memory the driver would wait for the stream first.
 */
void upload_small(void* target, const void* host, size_t bytes, cudaStream_t stream);

}  // namespace elastic
