// Weights in blocks by rounded rows on any processor.
#include "blocks/levels/block_product.h"

namespace elastic {
namespace {

/** Four outputs; plain loops that compilers turn into vectors of four. NEON has registers for four rows, SSE2 for one. */
struct PlainLanes {
  static constexpr int64_t kCount = 4;
#if defined(__aarch64__)
  static constexpr int kRows = 4;
#else
  static constexpr int kRows = 1;
#endif
  static constexpr int vectors(int) { return 1; }
  static constexpr int kBias = 0;
  typedef int32_t Integers __attribute__((vector_size(16)));
  typedef float Floats __attribute__((vector_size(16)));
  typedef float UnalignedFloats __attribute__((vector_size(16), aligned(4), may_alias));
  typedef uint32_t Words __attribute__((vector_size(16)));
  typedef uint32_t UnalignedWords __attribute__((vector_size(16), aligned(4), may_alias));
  typedef uint16_t Halves __attribute__((vector_size(8)));
  typedef uint8_t Bytes __attribute__((vector_size(4)));
  typedef int8_t SignedBytes __attribute__((vector_size(4)));

  static Integers integers(int32_t value) { return Integers{} + value; }
  static const int8_t* four(const int8_t* values) { return values; }
  static Words words(const char* at) { return *reinterpret_cast<const UnalignedWords*>(at); }
  static Words biased(Words words) { return words; }
  static constexpr bool sums_whole(int) { return true; }

  template <int>
  static Integers add(Integers sums, Words weights, const int8_t* values) {
    for (int j = 0; j < 4; ++j) sums += reinterpret_cast<Integers>((weights >> (8 * j)) & 255) * static_cast<int32_t>(values[j]);
    return sums;
  }
  template <int>
  static Integers whole(Integers sums) {
    return sums;
  }
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

void multiply_blocks_plain(const RoundedRows& rows, int64_t count, const char* panel, BlockFormat format, float* sums) {
  multiply_panel_blocks<PlainLanes>(rows, count, panel, format, sums);
}

}  // namespace elastic
