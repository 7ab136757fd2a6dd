// Weights in blocks by rounded rows, by AVX2's products of bytes.
#if defined(__x86_64__)
#if !defined(__clang__)
// GCC would reorder the sums of a block into more vectors than there are registers.
#pragma GCC optimize("no-tree-reassoc", "no-tree-ter")
#endif
#include "blocks/levels/block_product.h"
#include "blocks/levels/vectors_of_8.h"

namespace elastic {
namespace {

/**
 * Pairs of products are summed in 16 bits: activations reach 127, so that a pair with bytes (whose magnitude is at most 128)
 * fits, and all eight pairs of a block with nibbles do.
 */
struct Avx2Lanes : VectorsOf8 {
  static constexpr int kRows = 4;
  static constexpr int vectors(int rows) { return 4 / rows; }
  /** Bytes are multiplied as signed integers. */
  static constexpr int kBias = 128;
  static Words biased(Words words) { return words ^ 0x80808080u; }
  /** Whether sums have 32 bits while a block is multiplied. */
  static constexpr bool sums_whole(int bits) { return bits != 4; }
  static __m256i add_pairs(__m256i pairs) { return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)); }

  template <int bits>
  static Integers add(Integers sums, Words words, __m256i values) {
    const __m256i weights = reinterpret_cast<__m256i>(words);
    if constexpr (bits == 4) return reinterpret_cast<Integers>(_mm256_add_epi16(reinterpret_cast<__m256i>(sums), _mm256_maddubs_epi16(weights, values)));
    // The magnitude of -128 is 128 as an unsigned byte; activations stop at -127, so that their sign can always change.
    const __m256i pairs = bits == 8 ? _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(values, weights)) : _mm256_maddubs_epi16(weights, values);
    return sums + reinterpret_cast<Integers>(add_pairs(pairs));
  }
  template <int bits>
  static Integers whole(Integers sums) {
    return bits == 4 ? reinterpret_cast<Integers>(add_pairs(reinterpret_cast<__m256i>(sums))) : sums;
  }
};

}  // namespace

void multiply_blocks_avx2(const RoundedRows& rows, int64_t count, const char* panel, BlockFormat format, float* sums) {
  multiply_panel_blocks<Avx2Lanes>(rows, count, panel, format, sums);
}

}  // namespace elastic
#endif
