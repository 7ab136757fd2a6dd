#pragma once
// Products with panels of 32 float32 outputs. How many rows and vectors are summed in registers at once belongs to the level:
// each kernels_*.cpp defines `kPanelShape`. An output is one chain of additions in the order of the inputs, whatever the
// number of rows, so that a row's result never depends on the rows beside it.
#include "floats/kernel_table.h"
#include "floats/panel_shape.h"
#include "floats/vector.h"

namespace elastic {
namespace {

/** rows × (vectors · kLanes) outputs, all sums in registers. */
template <int rows, int vectors>
ELASTIC_INLINE void panel_f32(const float* a, int64_t a_stride, const float* panel, int64_t depth, float* c,
                              int64_t c_stride, bool accumulate) {
  Vector sums[rows][vectors];
#pragma GCC unroll 16
  for (int row = 0; row < rows; ++row) {
    const char* out = reinterpret_cast<const char*>(c + row * c_stride);
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) sums[row][v] = accumulate ? load<DType::F32>(out, v * kLanes) : Vector{};
  }
#pragma GCC unroll 1
  for (int64_t k = 0; k < depth; ++k, panel += kPanel) {
    Vector b[vectors];
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) b[v] = load<DType::F32>(reinterpret_cast<const char*>(panel), v * kLanes);
#pragma GCC unroll 16
    for (int row = 0; row < rows; ++row) {
      const float value = a[row * a_stride + k];
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) sums[row][v] += b[v] * value;
    }
  }
#pragma GCC unroll 16
  for (int row = 0; row < rows; ++row) {
    char* out = reinterpret_cast<char*>(c + row * c_stride);
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) store<DType::F32>(out, v * kLanes, sums[row][v]);
  }
}

/** Vectors of sums that so many rows leave room for; at most a whole panel. */
constexpr int vectors_for(int rows) {
  constexpr int kWhole = static_cast<int>(kPanel / kLanes);
  int vectors = kPanelShape.vectors;
  while (vectors < kWhole && 2 * vectors * rows <= kPanelShape.rows * kPanelShape.vectors) vectors *= 2;
  return vectors;
}

/** All 32 outputs of `rows` rows. */
template <int rows>
static void panel_rows_f32(const float* a, int64_t a_stride, const float* panel, int64_t depth, float* c, int64_t c_stride,
                           bool accumulate) {
  constexpr int kVectors = vectors_for(rows);
  for (int64_t first = 0; first < kPanel; first += kVectors * kLanes) {
    panel_f32<rows, kVectors>(a, a_stride, panel + first, depth, c + first, c_stride, accumulate);
  }
}

/** The kernel of the rows behind the last whole group, one for each number of them. */
template <int rows>
static void last_rows_f32(int64_t left, const float* a, int64_t a_stride, const float* panel, int64_t depth, float* c,
                          int64_t c_stride, bool accumulate) {
  if constexpr (rows > 0) {
    if (left == rows) return panel_rows_f32<rows>(a, a_stride, panel, depth, c, c_stride, accumulate);
    last_rows_f32<rows - 1>(left, a, a_stride, panel, depth, c, c_stride, accumulate);
  }
}

static void multiply_panel_f32(const float* a, int64_t a_stride, int64_t rows, const float* panel, int64_t depth,
                               float* c, int64_t c_stride, bool accumulate) {
  constexpr int kRows = kPanelShape.rows;
  for (; rows >= kRows; rows -= kRows, a += kRows * a_stride, c += kRows * c_stride) {
    panel_rows_f32<kRows>(a, a_stride, panel, depth, c, c_stride, accumulate);
  }
  last_rows_f32<kRows - 1>(rows, a, a_stride, panel, depth, c, c_stride, accumulate);
}

}  // namespace
}  // namespace elastic
