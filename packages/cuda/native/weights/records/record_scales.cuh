// The scales and minimums of a record, as a lane reads those of its two outputs: a weight is scale · integer - minimum.
#pragma once
#include <cuda_fp16.h>

#include <cmath>
#include <cstdint>
#include <cstring>

#include "weights/records/record_codes.cuh"

namespace elastic::weights {

__host__ __device__ inline float half_in(uint32_t word, int index) {
  const auto pattern = static_cast<uint16_t>(word >> (16 * index));
  __half half;
  memcpy(&half, &pattern, 2);
  return __half2float(half);
}

/** A factor times a byte of a word, without a conversion of integers, which is slow. */
__host__ __device__ inline float times_byte(float factor, uint32_t word, int index) {
  // The byte as the fraction of 2^23, times the factor less factor times 2^23: a product of few bits, which is exact.
  const uint32_t bits = permute_bytes(word, 0x4b000000u, 0x7440u | static_cast<uint32_t>(index));
  float value;
  memcpy(&value, &bits, 4);
  return fmaf(factor, value, factor * -0x1p23f);
}

/** A half for each 32 inputs, and one of minimum where the format has them: lines [output g][g, g + 8][group]. */
template <bool minimums>
struct HalfScales {
  static constexpr int kBytes = (minimums ? 2 : 1) * kHalfScales;
  static constexpr bool kMinimums = minimums, kBy16 = false;
  uint32_t scales[4];
  uint32_t lowest[4];

  __host__ __device__ HalfScales(const char* bytes, int g) {
    load_words(scales, bytes + g * 16);
    if constexpr (minimums) load_words(lowest, bytes + kHalfScales + g * 16);
  }
  __host__ __device__ float scale(int row, int group) const { return half_in(scales[2 * row + group / 2], group % 2); }
  __host__ __device__ float minimum(int row, int group) const {
    return minimums ? half_in(lowest[2 * row + group / 2], group % 2) : 0;
  }
};

/** Halves of scale and minimum for each output, times a byte each for 32 inputs. */
struct NestedScales {
  static constexpr int kBytes = kNestedScales;
  static constexpr bool kMinimums = true, kBy16 = false;
  uint2 halves, scales, lowest;

  __host__ __device__ NestedScales(const char* bytes, int g)
      : halves(*reinterpret_cast<const uint2*>(bytes + g * 8)),
        scales(*reinterpret_cast<const uint2*>(bytes + 64 + g * 8)),
        lowest(*reinterpret_cast<const uint2*>(bytes + 128 + g * 8)) {}
  __host__ __device__ float scale(int row, int group) const {
    return times_byte(half_in(row == 0 ? halves.x : halves.y, 0), row == 0 ? scales.x : scales.y, group);
  }
  __host__ __device__ float minimum(int row, int group) const {
    return times_byte(half_in(row == 0 ? halves.x : halves.y, 1), row == 0 ? lowest.x : lowest.y, group);
  }
};

/** A half for each output, times a signed byte for each 16 inputs, whose sign bit is inverted here. */
struct NestedSignedScales {
  static constexpr int kBytes = kNestedSignedScales;
  static constexpr bool kMinimums = false, kBy16 = true;
  uint32_t halves;
  uint32_t scales[4];

  __host__ __device__ NestedSignedScales(const char* bytes, int g) : halves(*reinterpret_cast<const uint32_t*>(bytes + g * 4)) {
    load_words(scales, bytes + 32 + g * 16);
  }
  /** Of the inputs from 16 · part on. */
  __host__ __device__ float scale(int row, int part) const {
    const float factor = half_in(halves, row);
    return times_byte(factor, scales[2 * row + part / 4], part % 4) - 128.0f * factor;
  }
  __host__ __device__ float minimum(int, int) const { return 0; }
};

/** Floats for each group of 128, 64 or 32 inputs: scale, and scale times zero point. */
template <int groups>
struct GroupScales {
  static constexpr int kBytes = group_scale_bytes(groups);
  static constexpr bool kMinimums = true, kBy16 = false;
  float2 pairs[2][groups];

  __host__ __device__ GroupScales(const char* bytes, int g) {
    const auto* source = reinterpret_cast<const float2*>(bytes + g * 16 * groups);
    for (int row = 0; row < 2; ++row) {
      for (int i = 0; i < groups; ++i) pairs[row][i] = source[row * groups + i];
    }
  }
  __host__ __device__ float scale(int row, int group) const { return pairs[row][group * groups / 4].x; }
  __host__ __device__ float minimum(int row, int group) const { return pairs[row][group * groups / 4].y; }
};

}  // namespace elastic::weights
