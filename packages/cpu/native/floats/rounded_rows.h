#pragma once
// Rows of a cache in 8 bits: e4m3 under one scale, or int8 under one for each 32 elements. Mirrors `roundedRow` of TypeScript to
// the bit, where numbers are finite. Included once for each instruction set.
#include "floats/elements/row_parts.h"
#include "floats/vector.h"

namespace elastic {
namespace {

typedef uint8_t PatternVector __attribute__((vector_size(kLanes)));
typedef uint8_t UnalignedPatterns __attribute__((vector_size(kLanes), aligned(1), may_alias));

/** Patterns of e4m3 as floats, without the scale; the two that are not numbers never stand under a scale that is one. */
ELASTIC_INLINE Vector widen_e4m3(PatternVector patterns) {
  const BitVector bits = __builtin_convertvector(patterns, BitVector);
  // Exponents are 120 apart; multiplying by 2^120 also normalises subnormal patterns.
  return bits_as_floats((bits & 0x80u) << 24 | (bits & 0x7fu) << 20) * 0x1p120f;
}

ELASTIC_INLINE Vector widen_int8(PatternVector patterns) {
  const BitVector bits = __builtin_convertvector(patterns, BitVector);
  return __builtin_convertvector(reinterpret_cast<IntVector>(bits << 24) >> 24, Vector);
}

/** e4m3 to the nearest, ties to even; what is larger becomes 448. */
ELASTIC_INLINE PatternVector round_e4m3(Vector value) {
  const BitVector bits = floats_as_bits(value), sign = (bits >> 24) & 0x80u;
  const BitVector exact = bits & 0x7fffffffu, most = BitVector{} + 0x43e00000u;
  const BitVector size = exact > most ? most : exact;
  const BitVector normal = ((size + 0x7ffffu + ((size >> 20) & 1u)) >> 20) - (120u << 3);
  // Below 2^-6 there are steps of 2^-9: adding 1.5 · 2^14 rounds to them and leaves their number in the low bits.
  const BitVector small = floats_as_bits(bits_as_floats(size) + 24576.0f) & 0xfu;
  const BitVector pattern = size < 0x3c800000u ? small : normal;
  return __builtin_convertvector(sign | pattern, PatternVector);
}

ELASTIC_INLINE PatternVector load_patterns(const char* row, int64_t index, int64_t count) {
  if (count == kLanes) return *reinterpret_cast<const UnalignedPatterns*>(row + index);
  PatternVector patterns = {};
  for (int64_t lane = 0; lane < count; ++lane) patterns[lane] = static_cast<uint8_t>(row[index + lane]);
  return patterns;
}

ELASTIC_INLINE void store_patterns(char* row, int64_t index, int64_t count, PatternVector patterns) {
  if (count == kLanes) {
    *reinterpret_cast<UnalignedPatterns*>(row + index) = patterns;
  } else {
    for (int64_t lane = 0; lane < count; ++lane) row[index + lane] = static_cast<char>(patterns[lane]);
  }
}

/** The scale of a row of n elements that counts for those from `index` on. */
template <DType rounded>
ELASTIC_INLINE float row_scale(const char* row, int64_t index, int64_t n) {
  if constexpr (rounded == DType::Fp8) {
    float scale;
    __builtin_memcpy(&scale, row + n, 4);
    return scale;
  } else {
    uint16_t scale;
    __builtin_memcpy(&scale, row + n + index / kScaledElements * 2, 2);
    return bf16_to_float(scale);
  }
}

template <DType rounded>
ELASTIC_INLINE Vector widened_part(const char* row, int64_t index, int64_t count, int64_t n) {
  const PatternVector patterns = load_patterns(row, index, count);
  return (rounded == DType::Fp8 ? widen_e4m3(patterns) : widen_int8(patterns)) * row_scale<rounded>(row, index, n);
}

template <DType rounded, DType to>
static void widen_typed(const char* row, char* out, int64_t n) {
  for_parts(n, [&](int64_t i, int64_t count) __attribute__((always_inline)) { store_part<to>(out, i, count, widened_part<rounded>(row, i, count, n)); });
}

/** A row of a rounded cache as floats. */
static void widen_row(const char* row, DType from, char* out, DType to, int64_t n) {
  ELASTIC_WITH_DTYPE(to, kTo, {
    if (from == DType::Fp8) {
      widen_typed<DType::Fp8, kTo>(row, out, n);
    } else {
      widen_typed<DType::Q8_0, kTo>(row, out, n);
    }
  })
}

/** The largest magnitude of elements [first, end); infinity where one is not finite. */
template <DType from>
ELASTIC_INLINE float largest_magnitude(const char* x, int64_t first, int64_t end) {
  Vector largest = {}, nothing = {};
  for (int64_t i = first; i < end; i += kLanes) {
    const Vector part = load_part<from>(x, i, end - i < kLanes ? end - i : kLanes);
    largest = maximum(bits_as_floats(floats_as_bits(part) & 0x7fffffffu), largest);
    nothing += part * 0.0f;
  }
  return sum_of(nothing) == 0 ? largest_of(largest) : __builtin_inff();
}

/** The smallest power of two, within 2^±60, under which a magnitude is at most 448; NaN for what is not finite. */
static inline float scale_of_e4m3(float largest) {
  if (!(largest < __builtin_inff())) return __builtin_nanf("");
  if (largest == 0) return 1;
  uint32_t bits;
  __builtin_memcpy(&bits, &largest, 4);
  // 448 is 1.75 · 2^8. What is not normal lies below every scale.
  const int32_t exponent = static_cast<int32_t>(bits >> 23) - 127 - 8 + ((bits & 0x7fffffu) > 0x600000u ? 1 : 0);
  const uint32_t scale = static_cast<uint32_t>((exponent < -60 ? -60 : exponent > 60 ? 60 : exponent) + 127) << 23;
  float result;
  __builtin_memcpy(&result, &scale, 4);
  return result;
}

/**
 * bf16 pattern of a 127th of a magnitude: to the nearest, so that the largest integer is always 127, and rows that are rounded a
 * second time keep their bits. At least 2^-100; NaN for what is not finite.
 */
static inline uint16_t scale_of_int8(float largest) {
  if (!(largest < __builtin_inff())) return 0x7fc0;
  const float least = 0x1p-100f, wanted = largest / 127.0f;
  return float_to_bf16(wanted > least ? wanted : least);
}

template <DType from>
ELASTIC_INLINE void round_to_e4m3(const char* x, char* row, int64_t n) {
  const float scale = scale_of_e4m3(largest_magnitude<from>(x, 0, n));
  // A power of two, so that this is exact; nothing but zeros where there is none.
  const float inverse = scale == scale ? 1.0f / scale : 0.0f;
  for_parts(n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
    const Vector value = load_part<from>(x, i, count) * inverse;
    store_patterns(row, i, count, round_e4m3(inverse == 0 ? Vector{} : value));
  });
  __builtin_memcpy(row + n, &scale, 4);
}

template <DType from>
ELASTIC_INLINE void round_to_int8(const char* x, char* row, int64_t n) {
  for (int64_t first = 0; first < n; first += kScaledElements) {
    const int64_t end = first + kScaledElements < n ? first + kScaledElements : n;
    const uint16_t pattern = scale_of_int8(largest_magnitude<from>(x, first, end));
    const float scale = bf16_to_float(pattern);
    for (int64_t i = first; i < end; i += kLanes) {
      const int64_t count = end - i < kLanes ? end - i : kLanes;
      // Adding 1.5 · 2^23 leaves the nearest integer in the low bits.
      const Vector steps = scale == scale ? load_part<from>(x, i, count) / scale : Vector{};
      store_patterns(row, i, count, __builtin_convertvector(floats_as_bits(steps + 12582912.0f) & 0xffu, PatternVector));
    }
    __builtin_memcpy(row + n + first / kScaledElements * 2, &pattern, 2);
  }
}

/** Floats as a row of a rounded cache. */
static void round_row(const char* x, DType from, char* row, DType to, int64_t n) {
  ELASTIC_WITH_DTYPE(from, kFrom, {
    if (to == DType::Fp8) {
      round_to_e4m3<kFrom>(x, row, n);
    } else {
      round_to_int8<kFrom>(x, row, n);
    }
  })
}

}  // namespace
}  // namespace elastic
