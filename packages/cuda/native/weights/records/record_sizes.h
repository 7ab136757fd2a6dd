// Bytes of the parts of a record: 16 outputs by 128 inputs.
#pragma once
#include <cstdint>

namespace elastic::weights {

constexpr int kNibbleCodes = 1024;
/** Nibbles, then a fifth bit each. */
constexpr int kFiveBitCodes = 1024 + 256;
/** Nibbles, then two more bits each. */
constexpr int kSixBitCodes = 1024 + 512;
constexpr int kByteCodes = 2048;

/** A half for each 32 inputs of an output. */
constexpr int kHalfScales = 16 * 4 * 2;
/** Two halves for each output; a byte of scale and one of minimum for each of its 32 inputs. */
constexpr int kNestedScales = 16 * 4 + 2 * 16 * 4;
/** A half for each output; a signed byte for each of its 16 inputs. */
constexpr int kNestedSignedScales = 16 * 2 + 16 * 8;

/** Groups of I4 in the 128 inputs of a record: 1, 2 or 4. Larger groups repeat their scale in every record. */
constexpr int groups_in_record(int64_t group_inputs) { return group_inputs >= 128 ? 1 : static_cast<int>(128 / group_inputs); }
/** Two floats for each group of an output: scale, and scale times zero point. */
constexpr int group_scale_bytes(int groups) { return 16 * 8 * groups; }

}  // namespace elastic::weights
