#include "sampling/sample_call.h"

#include <vector>

#include "core/device/device.h"
#include "core/memory/staging.h"

namespace elastic {

void sample_tokens(Call& call) {
  const Matrix logits = call.tensor("logits"), tokens = call.tensor("tokens");
  call.require_dtype(logits, DType::F32, "logits");
  call.require_dtype(tokens, DType::I32, "tokens");
  call.require(tokens.rows == 1 && tokens.columns == logits.rows && logits.columns > 0, "tokens do not fit the logits");
  call.require(logits.columns <= kMostSampledTokens, "the vocabulary is larger than the kernel takes");
  call.require(Device::instance().capability >= 90, "the kernel needs clusters of thread blocks");
  std::vector<RowSampling> rows;
  for (int64_t row = 0; row < logits.rows; ++row) {
    RowSampling sampling{};
    sampling.temperature = call.number("temperature");
    const int64_t top_k = call.integer("top-k");
    sampling.top_p = call.number("top-p");
    sampling.min_p = call.number("min-p");
    sampling.repetition_penalty = call.number("repetition penalty");
    sampling.uniform = call.number("uniform");
    const Matrix seen = call.optional_tensor("seen");
    sampling.top_k = static_cast<int32_t>(top_k > logits.columns ? 0 : top_k);
    const bool sensible = sampling.temperature >= 0 && top_k >= 0 && sampling.top_p > 0 && sampling.min_p >= 0 &&
                          sampling.repetition_penalty > 0 && sampling.uniform >= 0 && sampling.uniform < 1;
    call.require(sensible, "a sampling parameter is out of range");
    if (seen.data != nullptr) {
      call.require_dtype(seen, DType::U8, "seen");
      call.require(seen.rows == 1 && seen.columns == logits.columns, "seen does not fit the vocabulary");
      sampling.seen = reinterpret_cast<uint8_t*>(seen.data);
    }
    rows.push_back(sampling);
  }
  if (rows.empty()) return;
  const cudaStream_t stream = Device::instance().stream;
  const Scratch table(rows.size() * sizeof(RowSampling));
  upload_small(table.data(), rows.data(), rows.size() * sizeof(RowSampling), stream);
  launch_sample_tokens(logits, reinterpret_cast<const RowSampling*>(table.data()), tokens.integers(0), stream);
}

}  // namespace elastic
