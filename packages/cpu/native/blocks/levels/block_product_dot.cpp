// Weights in blocks by rounded rows, by the integer dot products of 64-bit ARM.
#if defined(__aarch64__)
#include <arm_neon.h>

#include "blocks/levels/block_product.h"
#include "blocks/levels/vectors_of_4.h"

namespace elastic {
namespace {

/** Signed weights and activations, sums of four products in 32 bits. */
struct DotLanes : VectorsOf4 {
  static constexpr int kRows = 4;
  static constexpr int vectors(int rows) { return rows == 4 ? 2 : 4; }
  /** Bytes are multiplied as signed integers. */
  static constexpr int kBias = 128;
  static Words biased(Words words) { return words ^ 0x80808080u; }
  static constexpr bool sums_whole(int) { return true; }
  static int8x16_t four(const int8_t* values) {
    int32_t word;
    __builtin_memcpy(&word, values, 4);
    return vreinterpretq_s8_s32(vdupq_n_s32(word));
  }
  /** Every 64-bit ARM processor converts halves. */
  static Floats halves(const char* at) {
    return reinterpret_cast<Floats>(vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(reinterpret_cast<const uint16_t*>(at)))));
  }

  template <int>
  static Integers add(Integers sums, Words weights, int8x16_t values) {
    return reinterpret_cast<Integers>(vdotq_s32(reinterpret_cast<int32x4_t>(sums), reinterpret_cast<int8x16_t>(weights), values));
  }
  template <int>
  static Integers whole(Integers sums) {
    return sums;
  }
};

}  // namespace

void multiply_blocks_dot(const RoundedRows& rows, int64_t count, const char* panel, BlockFormat format, float* sums) {
  multiply_panel_blocks<DotLanes>(rows, count, panel, format, sums);
}

}  // namespace elastic
#endif
