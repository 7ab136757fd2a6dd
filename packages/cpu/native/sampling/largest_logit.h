#pragma once
#include <cstdint>

namespace elastic {

/** Logits of a part of a row that one thread takes. */
constexpr int64_t kLogitsOfPart = 16384;

constexpr int64_t parts_of(int64_t vocabulary) { return (vocabulary + kLogitsOfPart - 1) / kLogitsOfPart; }

/** A token and its logit; token -1 is none. */
struct LargestLogit {
  float logit;
  int32_t token;
};

/** The largest of n logits; -infinity where all are NaN, which is never the largest. */
float largest_value(const float* logits, int64_t n);
/**
 * The largest logit's token, the lowest among equals; none where the largest is not finite.
 * @param parts the largest value of each part of the row
 */
LargestLogit largest_logit(const float* logits, int64_t vocabulary, const float* parts);
/** The same for a row by itself, whose parts are read on all threads. */
LargestLogit largest_logit(const float* logits, int64_t vocabulary);

}  // namespace elastic
