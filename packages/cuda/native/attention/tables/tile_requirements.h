// What the Hopper kernels ask of a call.
#pragma once
#include "addon/attention_call.h"

namespace elastic {

/** Whether the device and the types of a call are those of the Hopper kernels. */
bool tiles_serve_call(const AttentionCall& call);
/** Whether they read the cache of this sequence and know the blocks of its patterns. */
bool tiles_serve_sequence(const AttentionCall& call, const AttentionSequence& sequence);

}  // namespace elastic
