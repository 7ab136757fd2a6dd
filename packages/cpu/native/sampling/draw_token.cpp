// Probabilities are whole multiples of 2^-31 of the largest, so that sums are exact and do not depend on their order. The
// sums decide where a row is cut: a histogram says in which power of two, and only the tokens there are put in order.
#include "sampling/draw_token.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "core/scratch.h"
#include "core/thread_pool.h"

namespace elastic {
namespace {

constexpr double kUnit = 2147483648.0;
/** exp of this, in units, rounds to 0. */
constexpr double kLowestExponent = -22.2;

struct Candidate {
  float logit;
  int32_t token;
  uint32_t weight;
};

/** Most likely first; of equals the lowest token. */
bool precedes(const Candidate& a, const Candidate& b) { return a.logit != b.logit ? a.logit > b.logit : a.token < b.token; }

/** Powers of two of weights: 1 to 2^31. */
constexpr int kPowers = 32;

int power_of(const Candidate& candidate) { return std::bit_width(candidate.weight) - 1; }

struct Weight {
  uint64_t operator()(const Candidate& candidate) const { return candidate.weight; }
};

struct One {
  uint64_t operator()(const Candidate&) const { return 1; }
};

/** The last of the fewest most likely candidates whose values reach `limit`; the least likely of all where they do not. */
template <typename Value>
Candidate reaching(const std::vector<Candidate>& candidates, uint64_t limit, const Value& value) {
  uint64_t sums[kPowers] = {};
  for (const Candidate& each : candidates) sums[power_of(each)] += value(each);
  int lowest = 0;
  while (sums[lowest] == 0) ++lowest;
  int power = kPowers - 1;
  for (; power > lowest && sums[power] < limit; --power) limit -= sums[power];
  std::vector<Candidate> among;
  for (const Candidate& each : candidates) {
    if (power_of(each) == power) among.push_back(each);
  }
  auto first = among.begin(), last = among.end();
  while (last - first > 1) {
    const auto middle = first + (last - first) / 2;
    std::nth_element(first, middle, last, precedes);
    uint64_t before = 0;
    for (auto each = first; each != middle; ++each) before += value(*each);
    if (before >= limit) {
      last = middle;
    } else {
      limit -= before;
      first = middle;
    }
  }
  return *first;
}

/** Drops what comes after the candidate that reaches `limit`. */
template <typename Value>
void cut(std::vector<Candidate>& candidates, uint64_t limit, const Value& value) {
  const Candidate last = reaching(candidates, limit, value);
  std::erase_if(candidates, [&](const Candidate& each) { return precedes(last, each); });
}

uint64_t mass_of(const std::vector<Candidate>& candidates) {
  uint64_t sum = 0;
  for (const Candidate& each : candidates) sum += each.weight;
  return sum;
}

/** Tokens whose weight is not 0, in order. */
std::vector<Candidate> candidates_of(const float* logits, int64_t vocabulary, double temperature, double largest) {
  Scratch scratch;
  auto* weights = scratch.take<uint32_t>(vocabulary);
  parallel_rows(vocabulary, kLogitsOfPart / 8, [&](int64_t first, int64_t last) {
    for (int64_t token = first; token < last; ++token) {
      const double exponent = (static_cast<double>(logits[token]) - largest) / temperature;
      // NaN is not above it either.
      weights[token] = exponent > kLowestExponent ? static_cast<uint32_t>(std::floor(std::exp(exponent) * kUnit + 0.5)) : 0;
    }
  });
  std::vector<Candidate> candidates;
  for (int64_t token = 0; token < vocabulary; ++token) {
    if (weights[token] > 0) candidates.push_back({logits[token], static_cast<int32_t>(token), weights[token]});
  }
  return candidates;
}

bool is_penalised(const RowSampling& sampling) { return sampling.seen != nullptr && sampling.repetition_penalty != 1.0; }

}  // namespace

bool adjusts_logits(const RowSampling& sampling) {
  return is_penalised(sampling) || sampling.counts != nullptr || sampling.bias != nullptr || sampling.mask != nullptr;
}

void adjust_logits(const RowSampling& sampling, const float* logits, int64_t first, int64_t n, float* out) {
  const bool penalised = is_penalised(sampling);
  for (int64_t i = 0; i < n; ++i) {
    const int64_t token = first + i;
    if (sampling.mask != nullptr && (static_cast<uint32_t>(sampling.mask[token / 32]) >> (token % 32) & 1u) == 0) {
      out[i] = -std::numeric_limits<float>::infinity();
      continue;
    }
    double logit = logits[token];
    if (sampling.bias != nullptr) logit += static_cast<double>(sampling.bias[token]);
    if (penalised && sampling.seen[token] != 0) {
      logit = logit > 0 ? logit / sampling.repetition_penalty : logit * sampling.repetition_penalty;
    }
    if (sampling.counts != nullptr && sampling.counts[token] > 0) {
      logit -= sampling.presence_penalty + sampling.frequency_penalty * sampling.counts[token];
    }
    out[i] = static_cast<float>(logit);
  }
}

int32_t draw_token(const float* logits, int64_t vocabulary, const RowSampling& sampling, LargestLogit largest) {
  std::vector<Candidate> candidates = candidates_of(logits, vocabulary, sampling.temperature, largest.logit);
  if (sampling.top_k > 0 && candidates.size() > static_cast<std::size_t>(sampling.top_k)) {
    cut(candidates, static_cast<uint64_t>(sampling.top_k), One());
  }
  if (sampling.top_p < 1) {
    const double limit = std::ceil(sampling.top_p * static_cast<double>(mass_of(candidates)));
    cut(candidates, std::max<uint64_t>(1, static_cast<uint64_t>(limit)), Weight());
  }
  if (sampling.min_p > 0) {
    std::erase_if(candidates, [&](const Candidate& each) {
      return static_cast<double>(each.weight) < sampling.min_p * kUnit && each.token != largest.token;
    });
  }
  const double mass = static_cast<double>(mass_of(candidates));
  return reaching(candidates, static_cast<uint64_t>(std::floor(sampling.uniform * mass)) + 1, Weight()).token;
}

}  // namespace elastic
