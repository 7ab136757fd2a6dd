#pragma once
// Products with bf16 panels in tile layout, and the widening that many rows share. Each 32-bit word of a tile
// row holds two inputs of one output: the even one low, the odd one high.
#include "floats/kernel_table.h"
#include "floats/panel_shape.h"
#include "floats/vector.h"

namespace elastic {
namespace {

ELASTIC_INLINE Vector even_of(BitVector pairs) { return bits_as_floats(pairs << 16); }
ELASTIC_INLINE Vector odd_of(BitVector pairs) { return bits_as_floats(pairs & 0xffff0000u); }

/** Words of the outputs from `output` on of one pair of inputs; 16 outputs a tile, 16 pairs of 32 values. */
ELASTIC_INLINE BitVector pairs_of(const uint16_t* step, int64_t pair, int64_t output) {
  return *reinterpret_cast<const UnalignedBits*>(step + output / 16 * 512 + pair * 32 + output % 16 * 2);
}

constexpr int64_t kStepElements = kTileDepth * kPanel;
constexpr int64_t kWideningRows = kPanelShape.shares_widened ? kPanelShape.bf16_rows + 1 : INT64_MAX;

/** sums += the outputs of one pair of inputs; what there is less of, inputs or outputs, waits in registers for the other. */
template <int rows, int vectors>
ELASTIC_INLINE void add_pair(const float* x, int64_t stride, const uint16_t* step, int64_t pair, int64_t first,
                             Vector (&sums)[rows][vectors]) {
  if constexpr (rows > vectors) {
    Vector even[vectors], odd[vectors];
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) {
      const BitVector words = pairs_of(step, pair, first + v * kLanes);
      even[v] = even_of(words);
      odd[v] = odd_of(words);
    }
#pragma GCC unroll 8
    for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) sums[row][v] += even[v] * x[row * stride];
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) sums[row][v] += odd[v] * x[row * stride + 1];
    }
  } else {
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) {
      const BitVector words = pairs_of(step, pair, first + v * kLanes);
      const Vector even = even_of(words), odd = odd_of(words);
#pragma GCC unroll 8
      for (int row = 0; row < rows; ++row) {
        sums[row][v] += even * x[row * stride];
        sums[row][v] += odd * x[row * stride + 1];
      }
    }
  }
}

/** rows × (vectors · kLanes) outputs of `panels` panels, all sums in registers. */
template <int rows, int vectors, int panels>
ELASTIC_INLINE void panels_bf16(const float* a, int64_t a_stride, const uint16_t* panel, int64_t panel_stride, int64_t depth,
                                int64_t first, float* c, int64_t c_stride) {
  Vector sums[panels][rows][vectors] = {};
  for (int64_t k = 0; k < depth; k += kTileDepth, panel += kStepElements) {
#pragma GCC unroll 1
    for (int64_t pair = 0; pair < kTileDepth / 2; ++pair) {
#pragma GCC unroll 2
      for (int p = 0; p < panels; ++p) {
        add_pair<rows, vectors>(a + k + 2 * pair, a_stride, panel + p * panel_stride, pair, first, sums[p]);
      }
    }
  }
#pragma GCC unroll 2
  for (int p = 0; p < panels; ++p) {
#pragma GCC unroll 8
    for (int row = 0; row < rows; ++row) {
      char* out = reinterpret_cast<char*>(c + row * c_stride + p * kPanel + first);
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) store<DType::F32>(out, v * kLanes, sums[p][row][v]);
    }
  }
}

/** Whole panels of `rows` rows; a single row takes two panels at a time, so that its additions need not wait. */
template <int rows>
static void panel_rows_bf16(const float* a, int64_t a_stride, const uint16_t* panel, int64_t panel_stride, int64_t panels,
                          int64_t depth, float* c, int64_t c_stride) {
  constexpr int kWhole = static_cast<int>(kPanel / kLanes);
  constexpr int kSums = kPanelShape.rows * kPanelShape.vectors * 3 / 4;
  constexpr int kVectors = rows * kWhole <= kSums ? kWhole : (rows * kWhole / 2 <= kSums ? kWhole / 2 : kWhole / 4);
  static_assert(kVectors > 0 && rows * kVectors <= kSums);
  if constexpr (rows == 1 && 2 * kWhole <= kSums) {
    for (; panels >= 2; panels -= 2, panel += 2 * panel_stride, c += 2 * kPanel) {
      panels_bf16<1, kWhole, 2>(a, a_stride, panel, panel_stride, depth, 0, c, c_stride);
    }
  }
  for (; panels > 0; --panels, panel += panel_stride, c += kPanel) {
    for (int64_t first = 0; first < kPanel; first += kVectors * kLanes) {
      panels_bf16<rows, kVectors, 1>(a, a_stride, panel, panel_stride, depth, first, c, c_stride);
    }
  }
}

/** The kernel of the rows behind the last whole group, one for each number of them. */
template <int rows>
static void last_rows_bf16(int64_t left, const float* a, int64_t a_stride, const uint16_t* panel, int64_t panel_stride,
                           int64_t panels, int64_t depth, float* c, int64_t c_stride) {
  if constexpr (rows > 0) {
    if (left == rows) return panel_rows_bf16<rows>(a, a_stride, panel, panel_stride, panels, depth, c, c_stride);
    last_rows_bf16<rows - 1>(left, a, a_stride, panel, panel_stride, panels, depth, c, c_stride);
  }
}

static void multiply_panels_bf16(const float* a, int64_t a_stride, int64_t rows, const uint16_t* panel, int64_t panel_stride,
                                 int64_t panels, int64_t depth, float* c, int64_t c_stride) {
  constexpr int kRows = kPanelShape.bf16_rows;
  for (; rows >= kRows; rows -= kRows, a += kRows * a_stride, c += kRows * c_stride) {
    panel_rows_bf16<kRows>(a, a_stride, panel, panel_stride, panels, depth, c, c_stride);
  }
  last_rows_bf16<kRows - 1>(rows, a, a_stride, panel, panel_stride, panels, depth, c, c_stride);
}

static void widen_panel_bf16(const uint16_t* panel, int64_t depth, float* out) {
  for (int64_t k = 0; k < depth; k += kTileDepth, panel += kStepElements) {
    for (int64_t pair = 0; pair < kTileDepth / 2; ++pair, out += 2 * kPanel) {
#pragma GCC unroll 8
      for (int64_t output = 0; output < kPanel; output += kLanes) {
        const BitVector words = pairs_of(panel, pair, output);
        store<DType::F32>(reinterpret_cast<char*>(out), output, even_of(words));
        store<DType::F32>(reinterpret_cast<char*>(out), kPanel + output, odd_of(words));
      }
    }
  }
}

}  // namespace
}  // namespace elastic
