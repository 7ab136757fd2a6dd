#pragma once
#include "core/call.h"

namespace elastic {

/** Attention of all heads of a layer and all sequences of a batch, each head by its own pattern. */
void hybrid_attention(Call& call);
/** Writes new tokens to the slots of each head. */
void cache_append(Call& call);
/** Copies ranges of rows between two tensors. */
void copy_spans(Call& call);

}  // namespace elastic
