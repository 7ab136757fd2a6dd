// Weights in blocks by rounded rows, by the dot products of AVX-512 VNNI.
#if defined(__x86_64__)
#include <immintrin.h>

#include "blocks/block_product.h"

namespace elastic {
namespace {

/** 32 outputs, four rows: unsigned weights, signed activations, sums of four products in 32 bits. */
struct VnniLanes {
  static constexpr int64_t kCount = 16;
  static constexpr int kVectors = 2, kRows = 4;
  static constexpr bool kSignedBytes = false;
  using Words = __m512i;
  using Integers = __m512i;
  using Floats = __m512;

  static Floats floats(float value) { return _mm512_set1_ps(value); }
  static Integers zero() { return _mm512_setzero_si512(); }
  static __m512i four(const void* values) {
    int32_t word;
    __builtin_memcpy(&word, values, 4);
    return _mm512_set1_epi32(word);
  }
  static Words bytes(const char* at) { return _mm512_loadu_si512(at); }
  static Words low_nibbles(const char* at) { return _mm512_and_si512(bytes(at), _mm512_set1_epi8(15)); }
  static Words high_nibbles(const char* at) { return _mm512_and_si512(_mm512_srli_epi16(bytes(at), 4), _mm512_set1_epi8(15)); }

  template <bool>
  static Integers add(Integers sums, Words weights, __m512i values) {
    return _mm512_dpbusd_epi32(sums, weights, values);
  }
  template <bool>
  static Integers whole(Integers sums) {
    return sums;
  }
  static Integers minus(Integers sums, int32_t value) { return _mm512_sub_epi32(sums, _mm512_set1_epi32(value)); }
  static Floats scaled(const float* scales, float scale) { return _mm512_mul_ps(_mm512_loadu_ps(scales), _mm512_set1_ps(scale)); }
  static Floats add_scaled(Floats total, Floats scales, Integers products) {
    return _mm512_fmadd_ps(scales, __builtin_convertvector(reinterpret_cast<__v16si>(products), __m512), total);
  }
  static Floats subtract(Floats total, const float* lowest, float factor) {
    return _mm512_fnmadd_ps(_mm512_loadu_ps(lowest), _mm512_set1_ps(factor), total);
  }
  static void store(float* out, Floats value) { _mm512_storeu_ps(out, value); }
};

}  // namespace

void multiply_blocks_vnni(const RoundedRows& rows, int64_t count, const char* panel, const BlockLayout& layout, float* sums) {
  multiply_panel_blocks<VnniLanes>(rows, count, panel, layout, sums);
}

}  // namespace elastic
#endif
