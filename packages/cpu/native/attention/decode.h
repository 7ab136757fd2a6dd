#pragma once
#include "addon/attention_call.h"

namespace elastic {

/** Whether decode attention can serve a sequence: few queries, head dimension a multiple of 32. */
bool decode_serves(const AttentionCall& call, const AttentionSequence& sequence);

/**
 * Attention of few queries over long caches, all sequences at once: keys and values are read once for a whole group of
 * query heads, in pieces of a fixed number of keys, and the pieces are merged by log-sum-exp. The pieces do not depend
 * on the number of threads, so neither does the result.
 */
void decode_attention(const AttentionCall& call, const std::vector<const AttentionSequence*>& sequences);

}  // namespace elastic
