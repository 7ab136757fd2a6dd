// One panel of 32 outputs by the bf16 dot products of 64-bit ARM: a pair of inputs of a row by four outputs.
#include "gemm/panel_product.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#include "addon/values/numeric.h"

namespace elastic {
namespace {

constexpr int64_t kStep = 32;  // inputs of one tile: 16 pairs, two tiles of 16 outputs each
constexpr int64_t kTileElements = 512;

static inline __attribute__((always_inline)) bfloat16x8_t outputs(const uint16_t* words) {
  return vreinterpretq_bf16_u16(vld1q_u16(words));
}

/** Two pairs of inputs of a row. */
static inline __attribute__((always_inline)) bfloat16x4_t inputs(const uint16_t* pairs) {
  return vreinterpret_bf16_u16(vld1_u16(pairs));
}

/** `rows` rows by 4 · vectors outputs of one tile from `first` on: sums and operands fill the 32 registers. */
template <int rows, int vectors>
static inline __attribute__((always_inline)) void tile_rows(const uint16_t* a, int64_t a_stride, const uint16_t* panel, int64_t first,
                                                            int64_t depth, float* c, int64_t c_stride, bool accumulate) {
  float32x4_t sums[rows][vectors];
#pragma GCC unroll 8
  for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) sums[row][v] = accumulate ? vld1q_f32(c + row * c_stride + first + 4 * v) : vdupq_n_f32(0.0f);
  }
  const uint16_t* tile = panel + first / 16 * kTileElements + first % 16 * 2;
  for (int64_t k = 0; k < depth; k += kStep, tile += 2 * kTileElements) {
#pragma GCC unroll 1
    for (int64_t pair = 0; pair < 16; pair += 2) {
      bfloat16x4_t x[rows];
#pragma GCC unroll 8
      for (int row = 0; row < rows; ++row) x[row] = inputs(a + row * a_stride + k + 2 * pair);
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) {
        const bfloat16x8_t even = outputs(tile + pair * 32 + 8 * v), odd = outputs(tile + (pair + 1) * 32 + 8 * v);
#pragma GCC unroll 8
        for (int row = 0; row < rows; ++row) {
          sums[row][v] = vbfdotq_lane_f32(sums[row][v], even, x[row], 0);
          sums[row][v] = vbfdotq_lane_f32(sums[row][v], odd, x[row], 1);
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) vst1q_f32(c + row * c_stride + first + 4 * v, sums[row][v]);
  }
}

/** All 32 outputs; an output is one chain of additions, whatever the number of rows. */
template <int rows>
static void panel_rows(const uint16_t* a, int64_t a_stride, const uint16_t* panel, int64_t depth, float* c, int64_t c_stride,
                       bool accumulate) {
  constexpr int kVectors = rows > 4 ? 2 : 4;
  for (int64_t first = 0; first < 32; first += 4 * kVectors) {
    tile_rows<rows, kVectors>(a, a_stride, panel, first, depth, c, c_stride, accumulate);
  }
}

}  // namespace

void multiply_panel_dot(const uint16_t* a, int64_t a_stride, int64_t rows, const uint16_t* panel, int64_t depth, float* c,
                        int64_t c_stride, bool accumulate) {
  int64_t row = 0;
  const auto advance = [&](int64_t by) {
    row += by;
    a += by * a_stride;
    c += by * c_stride;
  };
  for (; row + 8 <= rows; advance(8)) panel_rows<8>(a, a_stride, panel, depth, c, c_stride, accumulate);
  for (; row + 4 <= rows; advance(4)) panel_rows<4>(a, a_stride, panel, depth, c, c_stride, accumulate);
  for (; row + 2 <= rows; advance(2)) panel_rows<2>(a, a_stride, panel, depth, c, c_stride, accumulate);
  for (; row < rows; advance(1)) panel_rows<1>(a, a_stride, panel, depth, c, c_stride, accumulate);
}

}  // namespace elastic
#endif
