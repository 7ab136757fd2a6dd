#pragma once
#include "core/call.h"

namespace elastic {

/** XAttention block selection of some key-value heads: antidiagonal scores, group softmax, block masses, threshold. */
void xattention_estimate(Call& call);

}  // namespace elastic
