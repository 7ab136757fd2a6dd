// The keys that a query block reads, as ranges.
#pragma once
#include <vector>

#include "addon/attention_call.h"

namespace elastic {

/** Keys of positions [start, end). */
struct Range {
  int64_t start;
  int64_t end;
};

/**
 * Appends what the query block of `position` reads, up to `end` (exclusive), ascending and merged. Of a sliding window: what
 * the queries from `position` to `end` read together.
 */
void visited_ranges(const AttentionSequence& sequence, int64_t query_head, int64_t head, int64_t position, int64_t end,
                    std::vector<Range>& ranges);

}  // namespace elastic
