#pragma once
#include "addon/sampling_operations.h"
#include "sampling/largest_logit.h"

namespace elastic {

/** Whether a token is drawn from other logits than the model's. */
bool adjusts_logits(const RowSampling& sampling);
/** out = the logits that tokens [first, first + n) are drawn from: bias, penalties and mask applied, rounded once. */
void adjust_logits(const RowSampling& sampling, const float* logits, int64_t first, int64_t n, float* out);

/** The token that a row draws by temperature, top-k, top-p, min-p and its number; `largest` is the row's largest logit. */
int32_t draw_token(const float* logits, int64_t vocabulary, const RowSampling& sampling, LargestLogit largest);

}  // namespace elastic
