// Sampling as the addon calls it: what changes from call to call goes to the device in one small copy.
#include "addon/sampling_operations.h"

#include <stdexcept>

#include "core/device/device.h"
#include "core/memory/staging.h"
#include "sampling/sample_call.h"

namespace elastic::backend {

void sample_tokens(const SampleCall& call) {
  if (call.logits.columns > kMostSampledTokens) throw std::range_error("the vocabulary is larger than the kernel takes");
  if (Device::instance().capability < 90) throw std::range_error("the kernel needs clusters of thread blocks");
  const cudaStream_t stream = Device::instance().stream;
  const std::size_t bytes = call.rows.size() * sizeof(RowSampling);
  const Scratch table(bytes);
  upload_small(table.data(), call.rows.data(), bytes, stream);
  launch_sample_tokens(call.logits, reinterpret_cast<const RowSampling*>(table.data()), call.tokens, stream);
}

void log_probabilities(const LogProbabilityCall& call) {
  const cudaStream_t stream = Device::instance().stream;
  const std::size_t bytes = call.top.size() * sizeof(int32_t);
  const Scratch table(bytes);
  upload_small(table.data(), call.top.data(), bytes, stream);
  launch_log_probabilities(call, reinterpret_cast<const int32_t*>(table.data()), stream);
}

}  // namespace elastic::backend
