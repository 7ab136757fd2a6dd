// What the Hopper kernels ask of a call.
#pragma once
#include "addon/attention_call.h"

namespace elastic {

/** Rows from which tiles of 128 queries are faster than the row kernel. */
constexpr int64_t kTileRows = 48;

/** Whether the device and the types of a call are those of the Hopper kernels. */
bool tiles_serve_call(const AttentionCall& call);
/** Whether they read the cache of this sequence and know the blocks of its patterns; not all know sliding windows. */
bool tiles_serve_sequence(const AttentionCall& call, const AttentionSequence& sequence, bool sliding = false);
/** Whether a head of the sequence has a sliding window, or may be given one. */
bool has_sliding_heads(const AttentionSequence& sequence);

}  // namespace elastic
