#pragma once
#include "addon/values/numeric.h"
#include "blocks/block_weight.h"

namespace elastic {

/** output[t] = factor · the weights of output ids[t], as floats, rounded once. @throws std::range_error for an id outside the weight */
void embed_blocks(const BlockWeight& weight, const Matrix& ids, const Matrix& output, float factor);

}  // namespace elastic
