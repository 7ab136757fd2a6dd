// Single query rows of an attention call on the decode kernel.
#pragma once
#include <vector>

#include "addon/attention_call.h"

namespace elastic {

/** Whether the decode kernel takes this sequence. */
bool decode_serves(const AttentionCall& call, const AttentionSequence& sequence);
/** One launch; the plan is made here and travels with the tables. */
void run_decode(const AttentionCall& call, const std::vector<const AttentionSequence*>& sequences);

}  // namespace elastic
