// What the Hopper kernels ask of a call.
#pragma once
#include "addon/attention_call.h"

namespace elastic {

/** Rows from which tiles of 128 queries are faster than the row kernel. */
constexpr int64_t kTileRows = 48;

/** Whether the device and the types of a call are those of the Hopper kernels. */
bool tiles_serve_call(const AttentionCall& call);
/** Whether they read the cache of this sequence and know the blocks of its patterns; not all know sliding windows and thresholds. */
bool tiles_serve_sequence(const AttentionCall& call, const AttentionSequence& sequence, bool row_patterns = false);
/** Whether a head of the sequence has a pattern that is told row by row, or may be given one: a sliding window or a threshold. */
bool has_row_patterns(const AttentionSequence& sequence);

}  // namespace elastic
