// Weights in blocks by rounded rows, by AVX2's products of bytes.
#if defined(__x86_64__)
#include <immintrin.h>

#include "blocks/block_product.h"

namespace elastic {
namespace {

/** Eight outputs. Pairs of products are summed in 16 bits: that fits, since magnitudes are at most 127 and integers 128. */
struct Avx2Lanes {
  static constexpr int64_t kCount = 8;
  static constexpr int kVectors = 1;
  static constexpr bool kSignedBytes = true;
  using Integers = __m256i;
  using Floats = __m256;

  static Floats floats(float value) { return _mm256_set1_ps(value); }
  static Integers integers(int32_t value) { return _mm256_set1_epi32(value); }
  static __m256i four(const void* values) {
    int32_t word;
    __builtin_memcpy(&word, values, 4);
    return _mm256_set1_epi32(word);
  }
  static Integers add_pairs(Integers sums, __m256i pairs) {
    return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
  static Integers add_bytes(Integers sums, const char* at, __m256i values) {
    const __m256i weights = _mm256_xor_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)), _mm256_set1_epi8(-128));
    // The magnitude of -128 is 128 as an unsigned byte; activations stop at -127, so that their sign can always change.
    return add_pairs(sums, _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(values, weights)));
  }
  static Integers add_nibbles(Integers sums, const char* at, bool high, __m256i values) {
    __m256i weights = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
    if (high) weights = _mm256_srli_epi16(weights, 4);
    weights = _mm256_and_si256(weights, _mm256_set1_epi8(15));
    return add_pairs(sums, _mm256_maddubs_epi16(weights, values));
  }
  static Floats scaled(const float* scales, float scale) { return _mm256_mul_ps(_mm256_loadu_ps(scales), _mm256_set1_ps(scale)); }
  static Floats add_scaled(Floats total, Floats scales, Integers products) {
    return _mm256_fmadd_ps(scales, _mm256_cvtepi32_ps(products), total);
  }
  static Floats subtract(Floats total, const float* lowest, float factor) {
    return _mm256_fnmadd_ps(_mm256_loadu_ps(lowest), _mm256_set1_ps(factor), total);
  }
  static void store(float* out, Floats value) { _mm256_storeu_ps(out, value); }
};

}  // namespace

void multiply_blocks_avx2(const RoundedRow& row, const char* panel, const BlockLayout& layout, int64_t blocks, float* sums) {
  multiply_panel_blocks<Avx2Lanes>(row, panel, layout, blocks, sums);
}

}  // namespace elastic
#endif
