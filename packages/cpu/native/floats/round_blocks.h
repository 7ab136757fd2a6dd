#pragma once
// Activations as int8 by blocks of 32, for products with weights in blocks.
#include "blocks/block_layout.h"
#include "floats/kernel_table.h"
#include "floats/vector.h"

namespace elastic {
namespace {

typedef int8_t ByteVector __attribute__((vector_size(kLanes)));
typedef int8_t UnalignedBytes __attribute__((vector_size(kLanes), aligned(1), may_alias));

ELASTIC_INLINE int32_t integer_sum(IntVector value) {
  int32_t sum = 0;
  for (int64_t lane = 0; lane < kLanes; ++lane) sum += value[lane];
  return sum;
}

template <DType dtype>
ELASTIC_INLINE void round_typed(const char* x, const RoundedRows& row) {
  constexpr int64_t kVectors = kBlock / kLanes;
  for (int64_t block = 0; block < row.inputs / kBlock; ++block) {
    Vector parts[kVectors], largest = {}, nothing = {};
    for (int64_t v = 0; v < kVectors; ++v) {
      parts[v] = load<dtype>(x, block * kBlock + v * kLanes);
      largest = maximum(bits_as_floats(floats_as_bits(parts[v]) & 0x7fffffffu), largest);
      // 0 for numbers, NaN for anything else.
      nothing += parts[v] * 0.0f;
    }
    const float most = largest_of(largest);
    const bool finite = sum_of(nothing) == 0;
    const float inverse = finite && most > 0 ? 127.0f / most : 0.0f;
    const float scale = finite ? most / 127.0f : __builtin_nanf("");
    IntVector halves[2] = {};
    for (int64_t v = 0; v < kVectors; ++v) {
      // Adding 1.5 · 2^23 leaves the nearest integer in the low bits.
      constexpr float kRounder = 12582912.0f;
      const Vector shifted = (finite ? parts[v] : Vector{}) * inverse + kRounder;
      const IntVector integers = reinterpret_cast<IntVector>(floats_as_bits(shifted)) - 0x4b400000;
      halves[v * 2 / kVectors] += integers;
      *reinterpret_cast<UnalignedBytes*>(row.values + block * kBlock + v * kLanes) = __builtin_convertvector(integers, ByteVector);
    }
    const int32_t first = integer_sum(halves[0]), second = integer_sum(halves[1]);
    row.scales[block] = scale;
    row.sums[block] = scale * static_cast<float>(first + second);
    row.block_offsets[block] = -(first + second);
    row.half_offsets[2 * block] = -first;
    row.half_offsets[2 * block + 1] = -second;
  }
}

/** Rounds to the nearest of 127 steps of a block's largest magnitude. */
static void round_blocks(const char* x, DType dtype, const RoundedRows& row) {
  ELASTIC_WITH_DTYPE(dtype, kType, { round_typed<kType>(x, row); })
}

}  // namespace
}  // namespace elastic
