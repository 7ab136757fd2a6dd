// Drawing one token for each row of logits; mirrors the operation `sampleTokens`.
#pragma once
#include <cuda_runtime_api.h>

#include "addon/call.h"

namespace elastic {

/** Largest vocabulary that a cluster of thread blocks holds in shared memory. */
constexpr int64_t kMostSampledTokens = 8 * 28 * 1024;

struct RowSampling {
  /** U8 [vocabulary], or null. */
  uint8_t* seen;
  double temperature;
  double top_p;
  double min_p;
  double repetition_penalty;
  double uniform;
  int32_t top_k;
};

void launch_sample_tokens(const Matrix& logits, const RowSampling* samplings, int32_t* tokens, cudaStream_t stream);

/** Reads and checks the call, and queues it. */
void sample_tokens(Call& call);

}  // namespace elastic
