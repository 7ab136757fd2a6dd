// The integers of a record, as a lane of a warp reads them: the fragment of `mma.m16n8k16` that it multiplies.
//
// Lane 4·g + t holds outputs g and g + 8, and of every group of 32 inputs eight, in four pairs: those of `lane_input`. Which
// inputs a lane has is free as long as activations are read by the same rule.
#pragma once
#include <cuda_bf16.h>

#include <cstdint>

#include "weights/records/record_sizes.h"

namespace elastic::weights {

/**
 * Input i of eight that lane t of four has of a group: neighbours, or, where each 16 inputs have a scale, four of each 16, so
 * that one instruction multiplies inputs under one scale.
 */
__host__ __device__ constexpr int lane_input(bool by16, int t, int i) { return by16 ? i / 4 * 16 + 4 * t + i % 4 : 8 * t + i; }

/** Two bf16 numbers in a register. */
using Pair = uint32_t;

/** 128 as a pair; integers below 128 are added by setting the bits of its fraction. */
constexpr Pair kPairOf128 = 0x43004300u;

__host__ __device__ inline Pair subtract_pairs(Pair a, Pair b) {
  __nv_bfloat162 x, y;
  static_assert(sizeof x == sizeof a);
  memcpy(&x, &a, 4);
  memcpy(&y, &b, 4);
  const __nv_bfloat162 difference = __hsub2(x, y);
  Pair result;
  memcpy(&result, &difference, 4);
  return result;
}

/** A whole number up to 256 as a pair of itself. */
__host__ __device__ constexpr Pair pair_of(int number) {
  const float value = static_cast<float>(number);
  const uint32_t bits = __builtin_bit_cast(uint32_t, value);
  return (bits >> 16) | (bits & 0xffff0000u);
}

/** Eight integers of four bits in a word: pair p has bits 4p and 16 + 4p on. */
__host__ __device__ inline Pair nibbles_of(uint32_t word, int pair) { return (word >> (4 * pair)) & 0x000f000fu; }

/** Moves bits `from` and `from` + 16 on to bit 4 of their halves. */
__host__ __device__ inline Pair bits_above_nibble(uint32_t word, int from, uint32_t mask) {
  return (from >= 4 ? word >> (from - 4) : word << (4 - from)) & mask;
}

/** Both signed bytes at the low ends of the halves of a word. */
__host__ __device__ inline Pair signed_bytes(uint32_t word) {
  // 128 plus the low seven bits, less 128 or, where the sign bit is set, 256.
  return subtract_pairs((word & 0x007f007fu) | kPairOf128, (word & 0x00800080u) | kPairOf128);
}

__host__ __device__ inline uint32_t permute_bytes(uint32_t low, uint32_t high, uint32_t selector) {
#ifdef __CUDA_ARCH__
  return __byte_perm(low, high, selector);
#else
  const uint64_t bytes = low | static_cast<uint64_t>(high) << 32;
  uint32_t result = 0;
  for (int i = 0; i < 4; ++i) result |= static_cast<uint32_t>(bytes >> (8 * (selector >> (4 * i) & 7)) & 255) << (8 * i);
  return result;
#endif
}

__host__ __device__ inline void load_words(uint32_t (&words)[4], const char* source) {
  const uint4 loaded = *reinterpret_cast<const uint4*>(source);
  words[0] = loaded.x;
  words[1] = loaded.y;
  words[2] = loaded.z;
  words[3] = loaded.w;
}

/** Four bits above `offset`: a line of 16 bytes for each lane and output, a word for each group. */
template <int offset>
struct NibbleCodes {
  static constexpr int kBytes = kNibbleCodes;
  uint32_t words[2][4];

  __host__ __device__ NibbleCodes(const char* codes, int lane) {
    load_words(words[0], codes + lane * 16);
    load_words(words[1], codes + 512 + lane * 16);
  }
  __host__ __device__ Pair pair(int row, int group, int pair) const {
    return subtract_pairs(nibbles_of(words[row][group], pair) | kPairOf128, pair_of(128 + offset));
  }
};

/** The same with a fifth bit: a word for each lane and output, whose bit q and 16 + q are of pair q of the record. */
template <int offset>
struct FiveBitCodes {
  static constexpr int kBytes = kFiveBitCodes;
  uint32_t words[2][4];
  uint32_t fifth[2];

  __host__ __device__ FiveBitCodes(const char* codes, int lane) {
    load_words(words[0], codes + lane * 16);
    load_words(words[1], codes + 512 + lane * 16);
    const uint2 bits = *reinterpret_cast<const uint2*>(codes + 1024 + lane * 8);
    fifth[0] = bits.x;
    fifth[1] = bits.y;
  }
  __host__ __device__ Pair pair(int row, int group, int pair) const {
    const Pair above = bits_above_nibble(fifth[row], 4 * group + pair, 0x00100010u) | kPairOf128;
    return subtract_pairs(nibbles_of(words[row][group], pair) | above, pair_of(128 + offset));
  }
};

/** The same with two bits more: two words for each lane and output, one for each two groups. */
template <int offset>
struct SixBitCodes {
  static constexpr int kBytes = kSixBitCodes;
  uint32_t words[2][4];
  uint32_t above[4];

  __host__ __device__ SixBitCodes(const char* codes, int lane) {
    load_words(words[0], codes + lane * 16);
    load_words(words[1], codes + 512 + lane * 16);
    load_words(above, codes + 1024 + lane * 16);
  }
  __host__ __device__ Pair pair(int row, int group, int pair) const {
    const Pair high = bits_above_nibble(above[2 * row + group / 2], 2 * (4 * (group % 2) + pair), 0x00300030u) | kPairOf128;
    return subtract_pairs(nibbles_of(words[row][group], pair) | high, pair_of(128 + offset));
  }
};

/**
 * Signed bytes: two lines for each lane and output, two words for each group. Bytes 0 and 2 of a word are a pair, 1 and 3 the
 * next.
 */
struct ByteCodes {
  static constexpr int kBytes = kByteCodes;
  uint32_t words[2][2][4];

  __host__ __device__ ByteCodes(const char* codes, int lane) {
    for (int line = 0; line < 4; ++line) load_words(words[line / 2][line % 2], codes + line * 512 + lane * 16);
  }
  __host__ __device__ Pair pair(int row, int group, int pair) const {
    const uint32_t word = words[row][group / 2][2 * (group % 2) + pair / 2];
    return signed_bytes(pair % 2 == 0 ? word : word >> 8);
  }
};

/** Four bits that choose one of the 16 numbers of IQ4_NL; nibbles of a half word lie as the bytes of a word of ByteCodes do. */
struct CodebookCodes {
  static constexpr int kBytes = kNibbleCodes;
  uint32_t words[2][4];

  __host__ __device__ CodebookCodes(const char* codes, int lane) {
    load_words(words[0], codes + lane * 16);
    load_words(words[1], codes + 512 + lane * 16);
  }
  __host__ __device__ Pair pair(int row, int group, int pair) const {
    const uint32_t bytes = looked_up(pair < 2 ? words[row][group] : words[row][group] >> 16);
    return signed_bytes(pair % 2 == 0 ? bytes : bytes >> 8);
  }

  /** The numbers of four nibbles, as signed bytes. */
  __host__ __device__ static uint32_t looked_up(uint32_t nibbles) {
    // -127 -104 -83 -65, -49 -35 -22 -10, 1 13 25 38, 53 69 89 113.
    constexpr uint32_t kFirst = 0xbfad9881u, kSecond = 0xf6eaddcfu, kThird = 0x26190d01u, kFourth = 0x71594535u;
    const uint32_t places = nibbles & 0x7777u;
    const uint32_t lower = permute_bytes(kFirst, kSecond, places), upper = permute_bytes(kThird, kFourth, places);
    return permute_bytes(lower, upper, (nibbles >> 1 & 0x4444u) | 0x3210u);
  }
};

}  // namespace elastic::weights
