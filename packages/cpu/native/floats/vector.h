#pragma once
// Vectors of floats in the compiler's own notation, as wide as the registers of the instruction set that a file is compiled
// for: 16 lanes with AVX-512, 8 with AVX2, 4 otherwise. Everything here has internal linkage and uses no library template,
// so that no function compiled for a newer processor can be picked by the linker for all.
#include <cstdint>
#include <cstring>

#include "addon/values/numeric.h"

namespace elastic {
namespace {

#if defined(__AVX512F__)
#define ELASTIC_LANE_INDICES {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
#define ELASTIC_SHUFFLE(a, b, index) \
  __builtin_shufflevector(a, b, index(0), index(1), index(2), index(3), index(4), index(5), index(6), index(7), index(8), index(9), index(10), index(11), index(12), index(13), index(14), index(15))
constexpr int64_t kLanes = 16;
#elif defined(__AVX2__)
#define ELASTIC_LANE_INDICES {0, 1, 2, 3, 4, 5, 6, 7}
#define ELASTIC_SHUFFLE(a, b, index) \
  __builtin_shufflevector(a, b, index(0), index(1), index(2), index(3), index(4), index(5), index(6), index(7))
constexpr int64_t kLanes = 8;
#else
#define ELASTIC_LANE_INDICES {0, 1, 2, 3}
#define ELASTIC_SHUFFLE(a, b, index) \
  __builtin_shufflevector(a, b, index(0), index(1), index(2), index(3))
constexpr int64_t kLanes = 4;
#endif

constexpr int64_t kVectorBytes = kLanes * 4;
typedef float Vector __attribute__((vector_size(kVectorBytes)));
typedef float UnalignedVector __attribute__((vector_size(kVectorBytes), aligned(4), may_alias));
typedef int32_t IntVector __attribute__((vector_size(kVectorBytes)));
typedef uint32_t BitVector __attribute__((vector_size(kVectorBytes)));
typedef uint32_t UnalignedBits __attribute__((vector_size(kVectorBytes), aligned(2), may_alias));
typedef uint16_t HalfVector __attribute__((vector_size(kVectorBytes / 2)));
typedef uint16_t UnalignedHalves __attribute__((vector_size(kVectorBytes / 2), aligned(2), may_alias));

#define ELASTIC_INLINE static inline __attribute__((always_inline))

/** Runs code with the dtype as a template argument; F16 and integers never reach this. */
#define ELASTIC_WITH_DTYPE(dtype, name, ...)            \
  if ((dtype) == DType::F32) {                          \
    constexpr DType name = DType::F32;                  \
    __VA_ARGS__                                         \
  } else {                                              \
    constexpr DType name = DType::BF16;                 \
    __VA_ARGS__                                         \
  }

ELASTIC_INLINE Vector broadcast(float value) { return Vector{} + value; }
ELASTIC_INLINE Vector bits_as_floats(BitVector bits) { return reinterpret_cast<Vector>(bits); }
ELASTIC_INLINE BitVector floats_as_bits(Vector value) { return reinterpret_cast<BitVector>(value); }
ELASTIC_INLINE Vector maximum(Vector a, Vector b) { return a > b ? a : b; }

ELASTIC_INLINE Vector widen_bf16(HalfVector halves) {
  return bits_as_floats(__builtin_convertvector(halves, BitVector) << 16);
}

/** Rounds to nearest even; NaN stays NaN. */
ELASTIC_INLINE HalfVector round_bf16(Vector value) {
  const BitVector bits = floats_as_bits(value);
  const BitVector rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  const BitVector quiet = (bits >> 16) | 0x40;
  return __builtin_convertvector(value == value ? rounded : quiet, HalfVector);
}

ELASTIC_INLINE Vector widen_f16(HalfVector halves) {
  const BitVector bits = __builtin_convertvector(halves, BitVector);
  const BitVector sign = (bits & 0x8000) << 16;
  const BitVector magnitude = (bits & 0x7fff) << 13;
  // Exponents are 112 apart; multiplying by 2^112 also normalises subnormal halves.
  const Vector scaled = bits_as_floats(magnitude) * 0x1p112f;
  const BitVector special = magnitude | (0xffu << 23);
  return bits_as_floats(((bits & 0x7c00) == 0x7c00 ? special : floats_as_bits(scaled)) | sign);
}

/** Half precision, nearest even, as the TypeScript reference rounds. */
static inline uint16_t round_f16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  const uint32_t sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);
  if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);
  if (magnitude < 0x38800000u) {
    float positive;
    std::memcpy(&positive, &magnitude, 4);
    // Subnormal halves are multiples of 2^-24: adding 2^23 rounds the scaled value to an integer, nearest even.
    volatile float shifted = positive * 0x1p24f + 0x1p23f;
    return static_cast<uint16_t>(sign | static_cast<uint32_t>(shifted - 0x1p23f));
  }
  return static_cast<uint16_t>(sign | ((magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13));
}

template <DType dtype>
ELASTIC_INLINE Vector load(const char* x, int64_t index) {
  if constexpr (dtype == DType::F32) {
    return *reinterpret_cast<const UnalignedVector*>(x + 4 * index);
  } else {
    const HalfVector halves = *reinterpret_cast<const UnalignedHalves*>(x + 2 * index);
    return dtype == DType::BF16 ? widen_bf16(halves) : widen_f16(halves);
  }
}

template <DType dtype>
ELASTIC_INLINE void store(char* x, int64_t index, Vector value) {
  if constexpr (dtype == DType::F32) {
    *reinterpret_cast<UnalignedVector*>(x + 4 * index) = value;
  } else if constexpr (dtype == DType::BF16) {
    *reinterpret_cast<UnalignedHalves*>(x + 2 * index) = round_bf16(value);
  } else {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const uint16_t half = round_f16(value[lane]);
      std::memcpy(x + 2 * (index + lane), &half, 2);
    }
  }
}

/** The last n < kLanes elements, zeros behind them. */
template <DType dtype>
ELASTIC_INLINE Vector load_first(const char* x, int64_t index, int64_t n) {
  alignas(64) char buffer[kVectorBytes] = {};
  std::memcpy(buffer, x + byte_size(dtype) * index, static_cast<std::size_t>(byte_size(dtype) * n));
  return load<dtype>(buffer, 0);
}

template <DType dtype>
ELASTIC_INLINE void store_first(char* x, int64_t index, int64_t n, Vector value) {
  alignas(64) char buffer[kVectorBytes];
  store<dtype>(buffer, 0, value);
  std::memcpy(x + byte_size(dtype) * index, buffer, static_cast<std::size_t>(byte_size(dtype) * n));
}

template <int distance>
constexpr int swapped_lane(int lane) {
  return lane ^ distance;
}

/** Two lanes that `distance` separates swap places; lanes meet in an order that never depends on the compiler. */
template <int distance>
ELASTIC_INLINE Vector swapped(Vector value) {
  return ELASTIC_SHUFFLE(value, value, swapped_lane<distance>);
}

/** The lanes of a vector folded onto each other, half by half. */
ELASTIC_INLINE float sum_of(Vector value) {
  if constexpr (kLanes >= 16) value += swapped<8>(value);
  if constexpr (kLanes >= 8) value += swapped<4>(value);
  value += swapped<2>(value);
  value += swapped<1>(value);
  return value[0];
}

ELASTIC_INLINE float largest_of(Vector value) {
  if constexpr (kLanes >= 16) value = maximum(swapped<8>(value), value);
  if constexpr (kLanes >= 8) value = maximum(swapped<4>(value), value);
  value = maximum(swapped<2>(value), value);
  value = maximum(swapped<1>(value), value);
  return value[0];
}

/** 2^x for x up to 128, to about 2 units in the last place; 0 below -126.5, NaN stays NaN. */
ELASTIC_INLINE Vector exp2_up_to_128(Vector x) {
  // The scale of -127 is 0, which hides what is left of the fraction.
  const Vector low = broadcast(-127.0f);
  const Vector clamped = x < low ? low : x;
  // Adding 1.5 · 2^23 rounds to the nearest integer and leaves it in the low bits; 127 more make it an exponent.
  constexpr float kRounder = 12582912.0f + 127.0f;
  const Vector shifted = clamped + kRounder;
  const Vector f = clamped - (shifted - kRounder);
  Vector p = broadcast(1.5403530e-4f);
  p = p * f + 1.3333558e-3f;
  p = p * f + 9.6181291e-3f;
  p = p * f + 5.5504109e-2f;
  p = p * f + 2.4022651e-1f;
  p = p * f + 6.9314718e-1f;
  p = p * f + 1.0f;
  return p * bits_as_floats(floats_as_bits(shifted) << 23);
}

/** The same for any x: infinity from 128 on. Weights of a softmax, with exponents of at most 0, need no upper limit. */
ELASTIC_INLINE Vector exp2_of(Vector x) {
  const Vector high = broadcast(128.0f);
  return exp2_up_to_128(x > high ? high : x);
}

/** tanh(x), relative error below 3e-7. */
ELASTIC_INLINE Vector tanh_of(Vector x) {
  const BitVector sign = floats_as_bits(x) & 0x80000000u;
  const Vector size = bits_as_floats(floats_as_bits(x) ^ sign);
  // (1 - t) / (1 + t) with t = e^(-2 |x|) loses digits near 0: there, Taylor's polynomial.
  const Vector t = exp2_of(size * -2.88539008f);
  const Vector far = (1.0f - t) / (1.0f + t);
  const Vector square = x * x;
  Vector near = broadcast(2.1869488e-2f);
  near = near * square - 5.3968254e-2f;
  near = near * square + 1.3333333e-1f;
  near = near * square - 3.3333333e-1f;
  near = near * square * size + size;
  return bits_as_floats(floats_as_bits(size < 0.3f ? near : far) | sign);
}

constexpr float kLog2E = 1.44269504f;

}  // namespace
}  // namespace elastic
