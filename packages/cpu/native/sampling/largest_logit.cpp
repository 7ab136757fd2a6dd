#include "sampling/largest_logit.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/scratch.h"
#include "core/thread_pool.h"
#include "floats/vector.h"

namespace elastic {

float largest_value(const float* logits, int64_t n) {
  constexpr int kAtOnce = 4;
  const Vector lowest = broadcast(-std::numeric_limits<float>::infinity());
  Vector largest[kAtOnce] = {lowest, lowest, lowest, lowest};
  const auto* bytes = reinterpret_cast<const char*>(logits);
  int64_t i = 0;
  // Several at once: a comparison takes longer than a load. NaN loses every comparison.
  for (; i + kAtOnce * kLanes <= n; i += kAtOnce * kLanes) {
    for (int j = 0; j < kAtOnce; ++j) largest[j] = maximum(load<DType::F32>(bytes, i + j * kLanes), largest[j]);
  }
  float result = largest_of(maximum(maximum(largest[0], largest[1]), maximum(largest[2], largest[3])));
  for (; i < n; ++i) result = logits[i] > result ? logits[i] : result;
  return result;
}

LargestLogit largest_logit(const float* logits, int64_t vocabulary, const float* parts) {
  const float* part = std::max_element(parts, parts + parts_of(vocabulary));
  if (!std::isfinite(*part)) return {*part, -1};
  const float* first = logits + (part - parts) * kLogitsOfPart;
  return {*part, static_cast<int32_t>(std::find(first, logits + vocabulary, *part) - logits)};
}

LargestLogit largest_logit(const float* logits, int64_t vocabulary) {
  const int64_t count = parts_of(vocabulary);
  Scratch scratch;
  auto* parts = scratch.take<float>(count);
  parallel_for(count, [&](int64_t part) {
    const int64_t first = part * kLogitsOfPart;
    parts[part] = largest_value(logits + first, std::min(kLogitsOfPart, vocabulary - first));
  });
  return largest_logit(logits, vocabulary, parts);
}

}  // namespace elastic
