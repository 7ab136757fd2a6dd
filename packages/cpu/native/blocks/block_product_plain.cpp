// Weights in blocks by rounded rows on any processor.
#include "blocks/block_product.h"

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
  static constexpr int kVectors = 1;
  static constexpr bool kSignedBytes = false;
  typedef int32_t Integers __attribute__((vector_size(16)));
  typedef float Floats __attribute__((vector_size(16)));
  typedef float UnalignedFloats __attribute__((vector_size(16), aligned(4), may_alias));
  typedef uint32_t Words __attribute__((vector_size(16)));
  typedef uint32_t UnalignedWords __attribute__((vector_size(16), aligned(4), may_alias));

  static Floats floats(float value) { return Floats{} + value; }
  static Integers zero() { return Integers{}; }
  static const int8_t* four(const int8_t* values) { return values; }
  static Words bytes(const char* at) { return *reinterpret_cast<const UnalignedWords*>(at); }
  static Words low_nibbles(const char* at) { return bytes(at) & 0x0f0f0f0fu; }
  static Words high_nibbles(const char* at) { return bytes(at) >> 4 & 0x0f0f0f0fu; }

  template <bool>
  static Integers add(Integers sums, Words weights, const int8_t* values) {
    for (int j = 0; j < 4; ++j) sums += reinterpret_cast<Integers>((weights >> (8 * j)) & 255) * static_cast<int32_t>(values[j]);
    return sums;
  }
  template <bool>
  static Integers whole(Integers sums) {
    return sums;
  }
  static Integers minus(Integers sums, int32_t value) { return sums - value; }
  static Floats scaled(const float* scales, float scale) { return *reinterpret_cast<const UnalignedFloats*>(scales) * scale; }
  static Floats add_scaled(Floats total, Floats scales, Integers products) {
    return total + scales * __builtin_convertvector(products, Floats);
  }
  static Floats subtract(Floats total, const float* lowest, float factor) {
    return total - *reinterpret_cast<const UnalignedFloats*>(lowest) * factor;
  }
  static void store(float* out, Floats value) { *reinterpret_cast<UnalignedFloats*>(out) = value; }
};

}  // namespace

void multiply_blocks_plain(const RoundedRows& rows, int64_t count, const char* panel, const BlockLayout& layout, float* sums) {
  multiply_panel_blocks<PlainLanes>(rows, count, panel, layout, sums);
}

}  // namespace elastic
