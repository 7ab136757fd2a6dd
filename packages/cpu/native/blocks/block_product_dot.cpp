// Weights in blocks by rounded rows, by the integer dot products of 64-bit ARM.
#if defined(__aarch64__)
#include <arm_neon.h>

#include "blocks/block_product.h"

namespace elastic {
namespace {

/** Eight outputs, four rows: signed weights and activations, sums of four products in 32 bits. */
struct DotLanes {
  static constexpr int64_t kCount = 4;
  static constexpr int kVectors = 2, kRows = 4;
  static constexpr bool kSignedBytes = true;
  using Words = int8x16_t;
  using Integers = int32x4_t;
  using Floats = float32x4_t;

  static Floats floats(float value) { return vdupq_n_f32(value); }
  static Integers zero() { return vdupq_n_s32(0); }
  static int8x16_t four(const int8_t* values) {
    int32_t word;
    __builtin_memcpy(&word, values, 4);
    return vreinterpretq_s8_s32(vdupq_n_s32(word));
  }
  static uint8x16_t load(const char* at) { return vld1q_u8(reinterpret_cast<const uint8_t*>(at)); }
  static Words bytes(const char* at) { return vreinterpretq_s8_u8(veorq_u8(load(at), vdupq_n_u8(128))); }
  static Words low_nibbles(const char* at) { return vreinterpretq_s8_u8(vandq_u8(load(at), vdupq_n_u8(15))); }
  static Words high_nibbles(const char* at) { return vreinterpretq_s8_u8(vshrq_n_u8(load(at), 4)); }

  template <bool>
  static Integers add(Integers sums, Words weights, int8x16_t values) {
    return vdotq_s32(sums, weights, values);
  }
  template <bool>
  static Integers whole(Integers sums) {
    return sums;
  }
  static Integers minus(Integers sums, int32_t value) { return vsubq_s32(sums, vdupq_n_s32(value)); }
  static Floats scaled(const float* scales, float scale) { return vmulq_n_f32(vld1q_f32(scales), scale); }
  static Floats add_scaled(Floats total, Floats scales, Integers products) { return vfmaq_f32(total, scales, vcvtq_f32_s32(products)); }
  static Floats subtract(Floats total, const float* lowest, float factor) { return vfmsq_n_f32(total, vld1q_f32(lowest), factor); }
  static void store(float* out, Floats value) { vst1q_f32(out, value); }
};

}  // namespace

void multiply_blocks_dot(const RoundedRows& rows, int64_t count, const char* panel, const BlockLayout& layout, float* sums) {
  multiply_panel_blocks<DotLanes>(rows, count, panel, layout, sums);
}

}  // namespace elastic
#endif
