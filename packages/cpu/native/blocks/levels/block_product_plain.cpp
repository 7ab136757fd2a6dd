// Weights in blocks by rounded rows on any processor.
#include "blocks/levels/block_product.h"
#include "blocks/levels/vectors_of_4.h"

namespace elastic {
namespace {

/** Plain loops that compilers turn into vectors of four. NEON has registers for four rows, SSE2 for one. */
struct PlainLanes : VectorsOf4 {
#if defined(__aarch64__)
  static constexpr int kRows = 4;
#else
  static constexpr int kRows = 1;
#endif
  static constexpr int vectors(int) { return 1; }
  static constexpr int kBias = 0;
  static Words biased(Words words) { return words; }
  static constexpr bool sums_whole(int) { return true; }
  static const int8_t* four(const int8_t* values) { return values; }

  template <int>
  static Integers add(Integers sums, Words weights, const int8_t* values) {
    for (int j = 0; j < 4; ++j) sums += reinterpret_cast<Integers>((weights >> (8 * j)) & 255) * static_cast<int32_t>(values[j]);
    return sums;
  }
  template <int>
  static Integers whole(Integers sums) {
    return sums;
  }
};

}  // namespace

void multiply_blocks_plain(const RoundedRows& rows, int64_t count, const char* panel, BlockFormat format, float* sums) {
  multiply_panel_blocks<PlainLanes>(rows, count, panel, format, sums);
}

}  // namespace elastic
