#pragma once
// What products with weights in blocks share in vectors of 128 bits, on any processor.
#include <cstdint>

namespace elastic {
namespace {

/** Four outputs. */
struct VectorsOf4 {
  static constexpr int64_t kCount = 4;
  typedef int32_t Integers __attribute__((vector_size(16)));
  typedef float Floats __attribute__((vector_size(16)));
  typedef float UnalignedFloats __attribute__((vector_size(16), aligned(4), may_alias));
  typedef uint32_t Words __attribute__((vector_size(16)));
  typedef uint32_t UnalignedWords __attribute__((vector_size(16), aligned(4), may_alias));
  typedef uint16_t Halves __attribute__((vector_size(8)));
  typedef uint8_t Bytes __attribute__((vector_size(4)));
  typedef int8_t SignedBytes __attribute__((vector_size(4)));

  static Integers integers(int32_t value) { return Integers{} + value; }
  static Words words(const char* at) { return *reinterpret_cast<const UnalignedWords*>(at); }
  static Floats as_floats(Integers integers) { return __builtin_convertvector(integers, Floats); }
  /** Scales are finite: exponents are 112 apart, and multiplying by 2^112 also normalises subnormal halves. */
  static Floats halves(const char* at) {
    Halves halves;
    __builtin_memcpy(&halves, at, 8);
    const Words bits = __builtin_convertvector(halves, Words);
    const Floats magnitude = reinterpret_cast<Floats>((bits & 0x7fffu) << 13) * 0x1p112f;
    return reinterpret_cast<Floats>(reinterpret_cast<Words>(magnitude) | (bits & 0x8000u) << 16);
  }
  static Floats unsigned_bytes(const char* at) {
    Bytes bytes;
    __builtin_memcpy(&bytes, at, 4);
    return __builtin_convertvector(bytes, Floats);
  }
  static Floats signed_bytes(const char* at) {
    SignedBytes bytes;
    __builtin_memcpy(&bytes, at, 4);
    return __builtin_convertvector(bytes, Floats);
  }
  static void store(float* out, Floats value) { *reinterpret_cast<UnalignedFloats*>(out) = value; }
};

}  // namespace
}  // namespace elastic
