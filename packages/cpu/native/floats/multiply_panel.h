#pragma once
// Matrix kernels over one panel of 32 outputs; ELASTIC_PANEL_ROWS rows are kept in registers.
#include "floats/kernel_table.h"
#include "floats/vector.h"

namespace elastic {
namespace {

template <int rows>
ELASTIC_INLINE void panel_f32(const float* a, int64_t a_stride, const float* panel, int64_t depth, float* c,
                              int64_t c_stride, bool accumulate) {
  Vector left[rows], right[rows];
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
    char* out = reinterpret_cast<char*>(c + r * c_stride);
    left[r] = accumulate ? load<DType::F32>(out, 0) : Vector{};
    right[r] = accumulate ? load<DType::F32>(out, kLanes) : Vector{};
  }
  for (int64_t k = 0; k < depth; ++k) {
    const Vector b0 = *reinterpret_cast<const UnalignedVector*>(panel + k * kPanel);
    const Vector b1 = *reinterpret_cast<const UnalignedVector*>(panel + k * kPanel + kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
      const float value = a[r * a_stride + k];
      left[r] += b0 * value;
      right[r] += b1 * value;
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
    char* out = reinterpret_cast<char*>(c + r * c_stride);
    store<DType::F32>(out, 0, left[r]);
    store<DType::F32>(out, kLanes, right[r]);
  }
}

static void multiply_panel_f32(const float* a, int64_t a_stride, int64_t rows, const float* panel, int64_t depth,
                               float* c, int64_t c_stride, bool accumulate) {
  int64_t r = 0;
  for (; r + ELASTIC_PANEL_ROWS <= rows; r += ELASTIC_PANEL_ROWS) {
    panel_f32<ELASTIC_PANEL_ROWS>(a + r * a_stride, a_stride, panel, depth, c + r * c_stride, c_stride, accumulate);
  }
  if constexpr (ELASTIC_PANEL_ROWS > 4) {
    for (; r + 4 <= rows; r += 4) {
      panel_f32<4>(a + r * a_stride, a_stride, panel, depth, c + r * c_stride, c_stride, accumulate);
    }
  }
  for (; r < rows; ++r) panel_f32<1>(a + r * a_stride, a_stride, panel, depth, c + r * c_stride, c_stride, accumulate);
}

/** Each 32-bit word of a tile row holds two inputs of one output: the even one low, the odd one high. */
ELASTIC_INLINE Vector even_of(BitVector pairs) { return bits_as_floats(pairs << 16); }
ELASTIC_INLINE Vector odd_of(BitVector pairs) { return bits_as_floats(pairs & 0xffff0000u); }

template <int rows>
ELASTIC_INLINE void panel_bf16(const float* a, int64_t a_stride, const uint16_t* panel, int64_t depth, float* c,
                               int64_t c_stride) {
  Vector left[rows] = {}, right[rows] = {};
  // With few rows a second set of sums hides the latency of the additions.
  Vector left_odd[rows <= 2 ? rows : 1] = {}, right_odd[rows <= 2 ? rows : 1] = {};
  for (int64_t k = 0; k < depth; k += kTileDepth, panel += 2 * 512) {
    for (int64_t pair = 0; pair < 16; ++pair) {
      const BitVector b0 = *reinterpret_cast<const UnalignedBits*>(panel + pair * 32);
      const BitVector b1 = *reinterpret_cast<const UnalignedBits*>(panel + 512 + pair * 32);
      const float* x = a + k + 2 * pair;
#pragma GCC unroll 16
      for (int r = 0; r < rows; ++r) {
        const float even = x[r * a_stride], odd = x[r * a_stride + 1];
        left[r] += even_of(b0) * even;
        right[r] += even_of(b1) * even;
        if constexpr (rows <= 2) {
          left_odd[r] += odd_of(b0) * odd;
          right_odd[r] += odd_of(b1) * odd;
        } else {
          left[r] += odd_of(b0) * odd;
          right[r] += odd_of(b1) * odd;
        }
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
    if constexpr (rows <= 2) {
      left[r] += left_odd[r];
      right[r] += right_odd[r];
    }
    char* out = reinterpret_cast<char*>(c + r * c_stride);
    store<DType::F32>(out, 0, left[r]);
    store<DType::F32>(out, kLanes, right[r]);
  }
}

static void multiply_panel_bf16(const float* a, int64_t a_stride, int64_t rows, const uint16_t* panel, int64_t depth,
                                float* c, int64_t c_stride) {
  constexpr int kRows = ELASTIC_PANEL_ROWS > 8 ? 8 : ELASTIC_PANEL_ROWS;
  int64_t r = 0;
  for (; r + kRows <= rows; r += kRows) {
    panel_bf16<kRows>(a + r * a_stride, a_stride, panel, depth, c + r * c_stride, c_stride);
  }
  if constexpr (kRows > 4) {
    for (; r + 4 <= rows; r += 4) {
      panel_bf16<4>(a + r * a_stride, a_stride, panel, depth, c + r * c_stride, c_stride);
    }
  }
  for (; r + 2 <= rows; r += 2) panel_bf16<2>(a + r * a_stride, a_stride, panel, depth, c + r * c_stride, c_stride);
  for (; r < rows; ++r) panel_bf16<1>(a + r * a_stride, a_stride, panel, depth, c + r * c_stride, c_stride);
}

}  // namespace
}  // namespace elastic
