// Sums and gathers over ranks whose GPUs reach each other's memory.
#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>

#include "addon/values/numeric.h"
#include "ranks/peer_memory.h"

namespace elastic {

/** Sum over the ranks, in their order, in place; rounded once, the same bits on every rank. `bytes` in whole units of 16. */
void launch_peer_sum(const PeerView& peers, void* values, int64_t bytes, DType dtype, cudaStream_t stream);

/** Columns of f32 of each rank; `first[r]` to `first[r + 1]` of the output are those of rank r. */
struct PeerColumns {
  const float* input;
  float* output;
  int64_t rows;
  int64_t output_stride;
  int32_t first[kMostPeers + 1];
};

/** Lays the columns of all ranks side by side. */
void launch_peer_gather(const PeerView& peers, const PeerColumns& columns, cudaStream_t stream);

}  // namespace elastic
