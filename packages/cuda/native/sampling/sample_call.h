// The launches of sampling.
#pragma once
#include <cuda_runtime_api.h>

#include "addon/sampling_operations.h"

namespace elastic {

/** Largest vocabulary that a cluster of thread blocks holds in shared memory. */
constexpr int64_t kMostSampledTokens = 8 * 28 * 1024;

/** `rows` lies on the device. */
void launch_sample_tokens(const Matrix& logits, const RowSampling* rows, int32_t* tokens, cudaStream_t stream);

/** `top` lies on the device: one for each row. */
void launch_log_probabilities(const LogProbabilityCall& call, const int32_t* top, cudaStream_t stream);

}  // namespace elastic
