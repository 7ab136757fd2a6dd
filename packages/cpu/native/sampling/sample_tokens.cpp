// One token for each row: parts of all rows on all threads first, then what is left of each row.
#include <algorithm>

#include "core/scratch.h"
#include "core/thread_pool.h"
#include "sampling/draw_token.h"

namespace elastic::backend {

void sample_tokens(const SampleCall& call) {
  const int64_t rows = call.logits.rows, vocabulary = call.logits.columns, parts = parts_of(vocabulary);
  Scratch scratch;
  auto* largest = scratch.take<float>(rows * parts);
  auto* logits = scratch.take<const float*>(rows);
  auto* adjusted = scratch.take<float*>(rows);
  for (int64_t row = 0; row < rows; ++row) {
    adjusted[row] = adjusts_logits(call.rows[static_cast<std::size_t>(row)]) ? scratch.take<float>(vocabulary) : nullptr;
    logits[row] = adjusted[row] == nullptr ? call.logits.floats(row) : adjusted[row];
  }
  parallel_for(rows * parts, [&](int64_t index) {
    const int64_t row = index / parts, first = index % parts * kLogitsOfPart, count = std::min(kLogitsOfPart, vocabulary - first);
    if (adjusted[row] != nullptr) {
      adjust_logits(call.rows[static_cast<std::size_t>(row)], call.logits.floats(row), first, count, adjusted[row] + first);
    }
    largest[index] = largest_value(logits[row] + first, count);
  });
  const auto finish = [&](int64_t row) {
    const RowSampling& sampling = call.rows[static_cast<std::size_t>(row)];
    const LargestLogit best = largest_logit(logits[row], vocabulary, largest + row * parts);
    const bool draws = best.token >= 0 && sampling.temperature > 0;
    const int32_t token = draws ? draw_token(logits[row], vocabulary, sampling, best) : best.token;
    call.tokens[row] = token;
    if (token < 0) return;
    if (sampling.seen != nullptr) sampling.seen[token] = 1;
    if (sampling.counts != nullptr) ++sampling.counts[token];
  };
  const bool greedy = std::all_of(call.rows.begin(), call.rows.end(), [](const RowSampling& row) { return row.temperature == 0; });
  // A row by itself takes all threads for its weights; rows that only look their token up need none.
  if (greedy || rows == 1) {
    for (int64_t row = 0; row < rows; ++row) finish(row);
  } else {
    parallel_for(rows, finish);
  }
}

}  // namespace elastic::backend
