#pragma once
#include <vector>

#include "addon/values/numeric.h"
#include "blocks/block_formats.h"
#include "blocks/block_weight.h"

namespace elastic {

/** Rows of a file: bytes [outputs, bytes of a row]. */
struct BlockSource {
  Matrix bytes;
  BlockFormat format;
};

/** Repacks sources, joined along their outputs, into the order that products read. @returns false for a scale that is not finite */
bool pack_blocks(const BlockWeight& weight, const std::vector<BlockSource>& sources);

}  // namespace elastic
