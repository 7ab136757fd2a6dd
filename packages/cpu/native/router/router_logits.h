#pragma once
#include "core/call.h"

namespace elastic {

/** Logits of the Attention Router: pooled keys through the task MLP and the router MLP, each head on its own. */
void router_logits(Call& call);

}  // namespace elastic
