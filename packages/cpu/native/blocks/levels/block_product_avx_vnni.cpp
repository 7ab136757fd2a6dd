// Weights in blocks by rounded rows, by the dot products of AVX-VNNI.
#if defined(__x86_64__)
#if !defined(__clang__)
// GCC would reorder the sums of a block into more vectors than there are registers.
#pragma GCC optimize("no-tree-reassoc", "no-tree-ter")
#endif
#include "blocks/levels/block_product.h"
#include "blocks/levels/vectors_of_8.h"

namespace elastic {
namespace {

/** Unsigned weights, signed activations, sums of four products in 32 bits. */
struct AvxVnniLanes : VectorsOf8 {
  static constexpr int kRows = 4;
  static constexpr int vectors(int rows) { return 4 / rows; }
  static constexpr int kBias = 0;
  static Words biased(Words words) { return words; }
  static constexpr bool sums_whole(int) { return true; }

  template <int>
  static Integers add(Integers sums, Words weights, __m256i values) {
    return reinterpret_cast<Integers>(_mm256_dpbusd_avx_epi32(reinterpret_cast<__m256i>(sums), reinterpret_cast<__m256i>(weights), values));
  }
  template <int>
  static Integers whole(Integers sums) {
    return sums;
  }
};

}  // namespace

void multiply_blocks_avx_vnni(const RoundedRows& rows, int64_t count, const char* panel, BlockFormat format, float* sums) {
  multiply_panel_blocks<AvxVnniLanes>(rows, count, panel, format, sums);
}

}  // namespace elastic
#endif
