// Weights in blocks by rounded rows, by the dot products of AVX-512 VNNI.
#if defined(__x86_64__)
#include <immintrin.h>

#include "blocks/block_product.h"

namespace elastic {
namespace {

/** Sixteen outputs: unsigned weights, signed activations, sums of four products in 32 bits. */
struct VnniLanes {
  static constexpr int64_t kCount = 16;
  static constexpr int kVectors = 2;
  static constexpr bool kSignedBytes = false;
  using Integers = __m512i;
  using Floats = __m512;

  static Floats floats(float value) { return _mm512_set1_ps(value); }
  static Integers integers(int32_t value) { return _mm512_set1_epi32(value); }
  static __m512i four(const void* values) {
    int32_t word;
    __builtin_memcpy(&word, values, 4);
    return _mm512_set1_epi32(word);
  }
  static Integers add_bytes(Integers sums, const char* at, __m512i values) {
    return _mm512_dpbusd_epi32(sums, _mm512_loadu_si512(at), values);
  }
  static Integers add_nibbles(Integers sums, const char* at, bool high, __m512i values) {
    __m512i weights = _mm512_loadu_si512(at);
    if (high) weights = _mm512_srli_epi16(weights, 4);
    return _mm512_dpbusd_epi32(sums, _mm512_and_si512(weights, _mm512_set1_epi8(15)), values);
  }
  static Floats scaled(const float* scales, float scale) { return _mm512_mul_ps(_mm512_loadu_ps(scales), _mm512_set1_ps(scale)); }
  static Floats add_scaled(Floats total, Floats scales, Integers products) {
    return _mm512_fmadd_ps(scales, _mm512_cvtepi32_ps(products), total);
  }
  static Floats subtract(Floats total, const float* lowest, float factor) {
    return _mm512_fnmadd_ps(_mm512_loadu_ps(lowest), _mm512_set1_ps(factor), total);
  }
  static void store(float* out, Floats value) { _mm512_storeu_ps(out, value); }
};

}  // namespace

void multiply_blocks_vnni(const RoundedRow& row, const char* panel, const BlockLayout& layout, int64_t blocks, float* sums) {
  multiply_panel_blocks<VnniLanes>(row, panel, layout, blocks, sums);
}

}  // namespace elastic
#endif
