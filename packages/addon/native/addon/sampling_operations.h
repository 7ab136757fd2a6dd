// Drawing tokens from logits, and their log-probabilities; mirrors `sampleTokens` and `logProbabilities`.
#pragma once
#include <cstdint>
#include <vector>

#include "addon/values/numeric.h"

namespace elastic {

/** How one row draws its token, and what it depends on; plain data, which may be copied to a device as it is. */
struct RowSampling {
  double temperature;
  double top_p;
  double min_p;
  double repetition_penalty;
  double presence_penalty;
  double frequency_penalty;
  double uniform;
  /** U8 [vocabulary]: tokens that the repetition penalty holds for; or null. */
  uint8_t* seen;
  /** [vocabulary]: how often the answer has each token; or null. */
  int32_t* counts;
  /** [vocabulary], added to the logits; or null. */
  const float* bias;
  /** A bit for each token, lowest first: whether it may be drawn; or null. */
  const int32_t* mask;
  /** 0: all. */
  int32_t top_k;
};

/** Tokens of rows; mirrors `SampleTokensCall`. */
struct SampleCall {
  /** F32 [rows, vocabulary]. */
  Matrix logits;
  /** [rows]: -1 where no logit is finite. */
  int32_t* tokens;
  std::vector<RowSampling> rows;
};

/** Log-probabilities of rows; mirrors `LogProbabilitiesCall`. */
struct LogProbabilityCall {
  /** F32 [rows, vocabulary]. */
  Matrix logits;
  /** [rows]. */
  const int32_t* tokens;
  /** F32 [rows, 1 + most]: of the token, then of the most likely ones. */
  Matrix values;
  /** I32 [rows, most]. */
  Matrix top_tokens;
  /** For each row: how many of the most likely tokens are asked for; -1: nothing of this row. */
  std::vector<int32_t> top;
};

/** Most likely tokens that may be asked for. */
constexpr int64_t kMostTopTokens = 20;

namespace backend {

void sample_tokens(const SampleCall& call);
void log_probabilities(const LogProbabilityCall& call);

}  // namespace backend
}  // namespace elastic
