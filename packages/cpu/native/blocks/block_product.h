#pragma once
// Panels in blocks by rounded rows, the same for every level: `Lanes` says how many outputs a vector has, how many rows share
// weights in registers, and how four inputs of each output are multiplied. Included once for each level.
#include "blocks/block_layout.h"

namespace elastic {
namespace {

#define ELASTIC_BLOCK_INLINE static inline __attribute__((always_inline))

/** Integer products of four inputs: weights in registers by the same inputs of every row. */
template <typename Lanes, bool bytes, int kRows>
ELASTIC_BLOCK_INLINE void add_step(const typename Lanes::Words (&weights)[Lanes::kVectors], const int8_t* values, int64_t stride,
                                   typename Lanes::Integers (&products)[kRows][Lanes::kVectors]) {
#pragma GCC unroll 8
  for (int row = 0; row < kRows; ++row) {
    // Loads stay in this order: compilers would begin with those of the whole block, for which there are no registers.
    asm volatile("" ::: "memory");
    const auto four = Lanes::four(values + row * stride);
#pragma GCC unroll 8
    for (int v = 0; v < Lanes::kVectors; ++v) products[row][v] = Lanes::template add<bytes>(products[row][v], weights[v], four);
  }
}

/** Integer products of a group of inputs, which is a block or one of its halves. */
template <typename Lanes, bool bytes, bool halves, int kRows>
ELASTIC_BLOCK_INLINE void add_group(const char* integers, int group, const int8_t* values, int64_t stride,
                                    typename Lanes::Integers (&products)[kRows][Lanes::kVectors]) {
  constexpr int kSteps = bytes ? (halves ? 4 : 8) : 4;
  typename Lanes::Words weights[Lanes::kVectors];
#pragma GCC unroll 8
  for (int step = 0; step < kSteps; ++step) {
    const int at = bytes ? group * kSteps + step : step;
    const char* words = integers + at * kPanel * 4;
    if constexpr (bytes) {
#pragma GCC unroll 8
      for (int v = 0; v < Lanes::kVectors; ++v) weights[v] = Lanes::bytes(words + v * Lanes::kCount * 4);
      add_step<Lanes, bytes>(weights, values + 4 * at, stride, products);
    } else {
      // A byte holds inputs that are 16 apart, which belong to different halves.
      if (!halves || group == 0) {
#pragma GCC unroll 8
        for (int v = 0; v < Lanes::kVectors; ++v) weights[v] = Lanes::low_nibbles(words + v * Lanes::kCount * 4);
        add_step<Lanes, bytes>(weights, values + 4 * step, stride, products);
      }
      if (!halves || group == 1) {
#pragma GCC unroll 8
        for (int v = 0; v < Lanes::kVectors; ++v) weights[v] = Lanes::high_nibbles(words + v * Lanes::kCount * 4);
        add_step<Lanes, bytes>(weights, values + 16 + 4 * step, stride, products);
      }
    }
  }
}

/** kRows rows by kVectors vectors of outputs from `first` on. */
template <typename Lanes, bool bytes, bool minimums, bool halves, int kRows>
ELASTIC_BLOCK_INLINE void multiply_tile(const RoundedRows& rows, const char* panel, int first, float* sums) {
  constexpr int kVectors = Lanes::kVectors, kCount = static_cast<int>(Lanes::kCount), kGroups = halves ? 2 : 1;
  constexpr BlockLayout kLayout = {bytes, minimums, halves};
  // Bytes are multiplied as signed integers where the processor wants that; their offset is then 128 less.
  constexpr int kOffset = (minimums ? 0 : (bytes ? 128 : 8)) - (bytes && Lanes::kSignedBytes ? 128 : 0);
  typename Lanes::Floats totals[kRows][kVectors];
#pragma GCC unroll 8
  for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) totals[row][v] = Lanes::floats(0.0f);
  }
  const int64_t integer_bytes = kLayout.integer_bytes(), record_bytes = kLayout.record_bytes();
  const int64_t stride = rows.inputs, blocks = rows.inputs / kBlock;
  const int8_t* values = rows.values;
  const float* row_scales = rows.scales;
  const int32_t* row_sums = rows.sums;
#pragma GCC unroll 1
  for (int64_t block = 0; block < blocks; ++block, panel += record_bytes, values += kBlock, ++row_scales, row_sums += 2) {
    const auto* scales = reinterpret_cast<const float*>(panel + integer_bytes) + first;
    const float* lowest = scales + kGroups * kPanel;
#pragma GCC unroll 2
    for (int group = 0; group < kGroups; ++group) {
      typename Lanes::Integers products[kRows][kVectors];
#pragma GCC unroll 8
      for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) products[row][v] = Lanes::zero();
      }
      add_group<Lanes, bytes, halves>(panel + first * 4, group, values, stride, products);
#pragma GCC unroll 8
      for (int row = 0; row < kRows; ++row) {
        const float scale = row_scales[row * blocks];
        const int32_t* halves_of = row_sums + row * 2 * blocks;
        const int32_t sum = halves ? halves_of[group] : halves_of[0] + halves_of[1];
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) {
          const int at = group * static_cast<int>(kPanel) + v * kCount;
          auto integers = Lanes::template whole<bytes>(products[row][v]);
          if constexpr (kOffset != 0) integers = Lanes::minus(integers, kOffset * sum);
          totals[row][v] = Lanes::add_scaled(totals[row][v], Lanes::scaled(scales + at, scale), integers);
          if constexpr (minimums) totals[row][v] = Lanes::subtract(totals[row][v], lowest + at, scale * static_cast<float>(sum));
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) Lanes::store(sums + row * kPanel + first + v * kCount, totals[row][v]);
  }
}

/** Rows from `row` on while there are kRows of them: the weights of some outputs stay in the first-level cache meanwhile. */
template <typename Lanes, bool bytes, bool minimums, bool halves, int kRows>
static int64_t multiply_rows(const RoundedRows& rows, int64_t row, int64_t count, const char* panel, int first, float* sums) {
  for (; row + kRows <= count; row += kRows) {
    multiply_tile<Lanes, bytes, minimums, halves, kRows>(rows.from(row), panel, first, sums + row * kPanel);
  }
  return row;
}

template <typename Lanes, bool bytes, bool minimums, bool halves>
static void multiply_layout(const RoundedRows& rows, int64_t count, const char* panel, float* sums) {
  for (int first = 0; first < kPanel; first += Lanes::kVectors * static_cast<int>(Lanes::kCount)) {
    int64_t row = multiply_rows<Lanes, bytes, minimums, halves, Lanes::kRows>(rows, 0, count, panel, first, sums);
    if constexpr (Lanes::kRows > 2) row = multiply_rows<Lanes, bytes, minimums, halves, 2>(rows, row, count, panel, first, sums);
    multiply_rows<Lanes, bytes, minimums, halves, 1>(rows, row, count, panel, first, sums);
  }
}

template <typename Lanes>
static void multiply_panel_blocks(const RoundedRows& rows, int64_t count, const char* panel, const BlockLayout& layout, float* sums) {
  using Function = void (*)(const RoundedRows&, int64_t, const char*, float*);
  static constexpr Function table[8] = {
      multiply_layout<Lanes, false, false, false>, multiply_layout<Lanes, true, false, false>,
      multiply_layout<Lanes, false, true, false>,  multiply_layout<Lanes, true, true, false>,
      multiply_layout<Lanes, false, false, true>,  multiply_layout<Lanes, true, false, true>,
      multiply_layout<Lanes, false, true, true>,   multiply_layout<Lanes, true, true, true>};
  table[(layout.bytes ? 1 : 0) + (layout.minimums ? 2 : 0) + (layout.halves ? 4 : 0)](rows, count, panel, sums);
}

}  // namespace
}  // namespace elastic
