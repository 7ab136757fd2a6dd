#pragma once
#include <cstdint>

namespace elastic {

/** Formats of GGUF that are computed on as they are, in the order in which JavaScript numbers them. */
enum class BlockFormat : int { Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K, IQ4_NL };
constexpr int kBlockFormats = 9;

/** 32 inputs of one output: weight = scale · (integer - offset) - minimum, with a scale and a minimum for each 16. */
struct DecodedBlock {
  uint8_t integers[32];
  int offset;
  float scales[2];
  float minimums[2];
};

/** Inputs of a block of the file, and its bytes. */
struct BlockSize {
  int64_t inputs;
  int64_t bytes;
};
BlockSize block_size(BlockFormat format);

/** The block of 32 inputs from `input` on of a row of the file. */
void decode_block(BlockFormat format, const uint8_t* row, int64_t input, DecodedBlock& out);

}  // namespace elastic
