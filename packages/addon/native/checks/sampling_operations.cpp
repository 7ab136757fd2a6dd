// Drawing tokens, and their log-probabilities.
#include "addon/sampling_operations.h"

#include <cmath>

#include "checks/checked_operations.h"

namespace elastic::checked {
namespace {

/** One value of a kind for each of so many; or none. */
Matrix optional_row(Call& call, const char* name, DType dtype, int64_t columns) {
  const Matrix row = call.optional_tensor(name);
  if (row.data == nullptr) return row;
  call.require_dtype(row, dtype, name);
  call.require(row.rows == 1 && row.columns == columns, "what belongs to a row does not fit the vocabulary");
  return row;
}

RowSampling read_sampling(Call& call, int64_t vocabulary) {
  RowSampling sampling{};
  sampling.temperature = call.number("temperature");
  const int64_t top_k = call.integer("top-k");
  sampling.top_p = call.number("top-p");
  sampling.min_p = call.number("min-p");
  sampling.repetition_penalty = call.number("repetition penalty");
  sampling.presence_penalty = call.number("presence penalty");
  sampling.frequency_penalty = call.number("frequency penalty");
  sampling.uniform = call.number("uniform");
  const Matrix seen = optional_row(call, "seen", DType::U8, vocabulary);
  const Matrix counts = optional_row(call, "counts", DType::I32, vocabulary);
  const Matrix bias = optional_row(call, "bias", DType::F32, vocabulary);
  const Matrix mask = optional_row(call, "mask", DType::I32, (vocabulary + 31) / 32);
  const bool sensible = sampling.temperature >= 0 && top_k >= 0 && sampling.top_p > 0 && sampling.min_p >= 0 &&
                        sampling.repetition_penalty > 0 && std::isfinite(sampling.presence_penalty) &&
                        std::isfinite(sampling.frequency_penalty) && sampling.uniform >= 0 && sampling.uniform < 1;
  call.require(sensible, "a sampling parameter is out of range");
  sampling.top_k = static_cast<int32_t>(top_k >= vocabulary ? 0 : top_k);
  sampling.seen = reinterpret_cast<uint8_t*>(seen.data);
  sampling.counts = reinterpret_cast<int32_t*>(counts.data);
  sampling.bias = reinterpret_cast<const float*>(bias.data);
  sampling.mask = reinterpret_cast<const int32_t*>(mask.data);
  return sampling;
}

/** Logits and a token for each row of them. */
int32_t* read_tokens(Call& call, const Matrix& logits) {
  const Matrix tokens = call.tensor("tokens");
  call.require_dtype(logits, DType::F32, "logits");
  call.require_dtype(tokens, DType::I32, "tokens");
  const bool fits = tokens.rows == 1 && tokens.columns == logits.rows && logits.columns > 0 && logits.columns < INT32_MAX;
  call.require(fits, "tokens do not fit the logits");
  return tokens.integers(0);
}

}  // namespace

void sample_tokens(Call& call) {
  SampleCall sample{};
  sample.logits = call.tensor("logits");
  sample.tokens = read_tokens(call, sample.logits);
  for (int64_t row = 0; row < sample.logits.rows; ++row) sample.rows.push_back(read_sampling(call, sample.logits.columns));
  if (!sample.rows.empty()) backend::sample_tokens(sample);
}

void log_probabilities(Call& call) {
  LogProbabilityCall asked{};
  asked.logits = call.tensor("logits");
  asked.tokens = read_tokens(call, asked.logits);
  asked.values = call.tensor("values");
  asked.top_tokens = call.optional_tensor("top tokens");
  call.require_dtype(asked.values, DType::F32, "values");
  const int64_t rows = asked.logits.rows, most = asked.values.columns - 1;
  call.require(asked.values.rows == rows && most >= 0 && most <= kMostTopTokens, "values do not fit the logits");
  if (most > 0) {
    call.require_dtype(asked.top_tokens, DType::I32, "top tokens");
    call.require(asked.top_tokens.rows == rows && asked.top_tokens.columns == most, "top tokens do not fit the logits");
  }
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t top = call.integer("top");
    call.require(top >= -1 && top <= most, "more tokens are asked for than there is room");
    asked.top.push_back(static_cast<int32_t>(top));
  }
  if (rows > 0) backend::log_probabilities(asked);
}

}  // namespace elastic::checked
