// The router with its weights in shared memory: for devices with clusters, and routers that fit.
#pragma once
#include <cuda_runtime_api.h>

#include "addon/operations.h"

namespace elastic {

/** Queues the call and returns true, or false where this kernel does not take it. */
bool try_resident_router(const RouterCall& router, cudaStream_t stream);

}  // namespace elastic
