// Weights in blocks by rounded rows, by AVX2's products of bytes.
#if defined(__x86_64__)
#if !defined(__clang__)
// GCC would reorder the sums of a block into more vectors than there are registers.
#pragma GCC optimize("no-tree-reassoc", "no-tree-ter")
#endif
#include <immintrin.h>

#include "blocks/block_product.h"

namespace elastic {
namespace {

/**
 * Eight outputs, four rows. Pairs of products are summed in 16 bits: activations reach 127, so that a pair with bytes (whose
 * magnitude is at most 128) fits, and all eight pairs of a block with nibbles do.
 */
struct Avx2Lanes {
  static constexpr int64_t kCount = 8;
  static constexpr int kVectors = 1, kRows = 4;
  static constexpr bool kSignedBytes = true;
  using Words = __m256i;
  using Integers = __m256i;
  using Floats = __m256;

  static Floats floats(float value) { return _mm256_set1_ps(value); }
  static Integers zero() { return _mm256_setzero_si256(); }
  static __m256i four(const void* values) {
    int32_t word;
    __builtin_memcpy(&word, values, 4);
    return _mm256_set1_epi32(word);
  }
  static Words load(const char* at) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)); }
  static Words bytes(const char* at) { return _mm256_xor_si256(load(at), _mm256_set1_epi8(-128)); }
  static Words low_nibbles(const char* at) { return _mm256_and_si256(load(at), _mm256_set1_epi8(15)); }
  static Words high_nibbles(const char* at) { return _mm256_and_si256(_mm256_srli_epi16(load(at), 4), _mm256_set1_epi8(15)); }
  static __m256i add_pairs(__m256i pairs) { return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)); }

  template <bool bytes>
  static Integers add(Integers sums, Words weights, __m256i values) {
    if constexpr (!bytes) return _mm256_add_epi16(sums, _mm256_maddubs_epi16(weights, values));
    // The magnitude of -128 is 128 as an unsigned byte; activations stop at -127, so that their sign can always change.
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(values, weights));
    return _mm256_add_epi32(sums, add_pairs(pairs));
  }
  template <bool bytes>
  static Integers whole(Integers sums) {
    return bytes ? sums : add_pairs(sums);
  }
  static Integers minus(Integers sums, int32_t value) { return _mm256_sub_epi32(sums, _mm256_set1_epi32(value)); }
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

void multiply_blocks_avx2(const RoundedRows& rows, int64_t count, const char* panel, const BlockLayout& layout, float* sums) {
  multiply_panel_blocks<Avx2Lanes>(rows, count, panel, layout, sums);
}

}  // namespace elastic
#endif
