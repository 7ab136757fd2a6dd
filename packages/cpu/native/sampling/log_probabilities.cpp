// Log-probabilities from the logits as the model gives them: sums in double, in an order that no number of threads changes.
#include <algorithm>
#include <cmath>

#include "core/scratch.h"
#include "core/thread_pool.h"
#include "sampling/largest_logit.h"
#include "addon/sampling_operations.h"

namespace elastic::backend {
namespace {

/** Σ exp(logit - largest) of n logits; what is NaN counts as impossible. */
double sum_of_exponentials(const float* logits, int64_t n, double largest) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (logits[i] == logits[i]) sum += std::exp(static_cast<double>(logits[i]) - largest);
  }
  return sum;
}

/** The most likely tokens, of equals the lowest first; fewer than asked for where the rest are NaN. */
int64_t most_likely(const float* logits, int64_t vocabulary, int64_t count, int32_t* tokens) {
  int64_t found = 0;
  for (int64_t token = 0; token < vocabulary; ++token) {
    const float logit = logits[token];
    if (logit != logit || (found == count && !(logit > logits[tokens[found - 1]]))) continue;
    int64_t place = found < count ? found++ : found - 1;
    for (; place > 0 && logit > logits[tokens[place - 1]]; --place) tokens[place] = tokens[place - 1];
    tokens[place] = static_cast<int32_t>(token);
  }
  return found;
}

}  // namespace

void log_probabilities(const LogProbabilityCall& call) {
  const int64_t vocabulary = call.logits.columns, parts = parts_of(vocabulary);
  for (int64_t row = 0; row < call.logits.rows; ++row) {
    const int32_t top = call.top[static_cast<std::size_t>(row)], token = call.tokens[row];
    if (top < 0 || token < 0) continue;
    const float* logits = call.logits.floats(row);
    const double largest = largest_logit(logits, vocabulary).logit;
    Scratch scratch;
    auto* sums = scratch.take<double>(parts);
    parallel_for(parts, [&](int64_t part) {
      const int64_t first = part * kLogitsOfPart;
      sums[part] = sum_of_exponentials(logits + first, std::min(kLogitsOfPart, vocabulary - first), largest);
    });
    double sum = 0;
    for (int64_t part = 0; part < parts; ++part) sum += sums[part];
    const auto log_probability = [&](int32_t each) { return static_cast<float>(static_cast<double>(logits[each]) - largest - std::log(sum)); };
    float* values = call.values.floats(row);
    values[0] = log_probability(token);
    if (top == 0) continue;
    int32_t* tokens = call.top_tokens.integers(row);
    const int64_t found = most_likely(logits, vocabulary, top, tokens);
    for (int64_t i = 0; i < top; ++i) {
      if (i >= found) tokens[i] = -1;
      values[1 + i] = i < found ? log_probability(tokens[i]) : 0.0f;
    }
  }
}

}  // namespace elastic::backend
