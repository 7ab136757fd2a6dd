// The end of an attention row.
#pragma once
#include "addon/attention_call.h"

namespace elastic {

constexpr float kLogTwo = 0.693147181f;

/**
 * Writes one head's result of one row: out / sum, and log-sum-exp from a maximum in units of log2. The head's sink joins the
 * sum here.
 */
void write_result(const AttentionCall& call, int64_t row, int64_t head, float* out, float maximum, float sum);

}  // namespace elastic
