#pragma once
#include <cstdint>

namespace elastic {

/** Formats of GGUF that are computed on as they are, in the order in which JavaScript numbers them. */
enum class BlockFormat : int { Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K, IQ4_NL };
constexpr int kBlockFormats = 9;

/**
 * 32 inputs of one output: weight = scale · (integer - offset) + minimum, where the offset belongs to the format. Scale and
 * minimum are halves as the file has them, in formats of 256 inputs times a factor for each 32 inputs, or for each 16.
 */
struct DecodedBlock {
  uint8_t integers[32];
  uint16_t scale;
  uint16_t minimum;
  /** Of the formats with 256 inputs: of the scale and of the minimum; of Q6_K: of the scale of each 16 inputs, signed. */
  uint8_t factors[2];
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
