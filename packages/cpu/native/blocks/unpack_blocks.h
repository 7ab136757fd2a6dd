#pragma once
#include "addon/values/numeric.h"
#include "blocks/pack_blocks.h"

namespace elastic {

/** The floats that rows of a file stand for, [outputs, inputs] in f32 or bf16: the format's float32 values, rounded once. */
void unpack_blocks(const BlockSource& source, const Matrix& output);

}  // namespace elastic
