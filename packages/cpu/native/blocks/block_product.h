#pragma once
// One panel in blocks by one rounded row, the same for every level: `Lanes` says how many outputs a vector has and how it
// multiplies four inputs of each. Included once for each level.
#include "blocks/block_layout.h"

namespace elastic {
namespace {

/** Integer products of a group of inputs; four inputs are broadcast once for all vectors of outputs. */
template <typename Lanes, bool bytes>
static inline __attribute__((always_inline)) void add_group(const RoundedRow& row, const char* integers, int64_t input, int first, int last,
                                                            typename Lanes::Integers (&sums)[Lanes::kVectors]) {
#pragma GCC unroll 8
  for (int step = first; step < last; ++step) {
    const char* at = integers + (bytes ? step : step % 4) * kPanel * 4;
    const auto values = Lanes::four(row.values + input + 4 * step);
#pragma GCC unroll 8
    for (int v = 0; v < Lanes::kVectors; ++v, at += Lanes::kCount * 4) {
      if constexpr (bytes) {
        sums[v] = Lanes::add_bytes(sums[v], at, values);
      } else {
        sums[v] = Lanes::add_nibbles(sums[v], at, step >= 4, values);
      }
    }
  }
}

/** kVectors vectors of outputs from `first` on. */
template <typename Lanes, bool bytes, bool minimums, bool halves>
static inline __attribute__((always_inline)) void multiply_vectors(const RoundedRow& row, const char* panel, int64_t blocks, int first,
                                                                   float* sums) {
  constexpr int kVectors = Lanes::kVectors, kCount = static_cast<int>(Lanes::kCount);
  constexpr int kGroups = halves ? 2 : 1, kSteps = 8 / kGroups;
  constexpr BlockLayout kLayout = {bytes, minimums, halves};
  // Bytes are multiplied as signed integers where the processor wants that; their offset is then 128 less.
  constexpr int kOffset = (minimums ? 0 : (bytes ? 128 : 8)) - (bytes && Lanes::kSignedBytes ? 128 : 0);
  typename Lanes::Floats totals[kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) totals[v] = Lanes::floats(0.0f);
  const int64_t integer_bytes = kLayout.integer_bytes(), record_bytes = kLayout.record_bytes();
#pragma GCC unroll 1
  for (int64_t block = 0; block < blocks; ++block, panel += record_bytes) {
    const auto* scales = reinterpret_cast<const float*>(panel + integer_bytes) + first;
    const float* lowest = scales + kGroups * kPanel;
    const float scale = row.scales[block];
#pragma GCC unroll 2
    for (int group = 0; group < kGroups; ++group) {
      const int32_t sum = halves ? row.sums[2 * block + group] : row.sums[2 * block] + row.sums[2 * block + 1];
      typename Lanes::Integers products[kVectors];
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) products[v] = Lanes::integers(-kOffset * sum);
      add_group<Lanes, bytes>(row, panel + first * 4, block * kBlock, group * kSteps, (group + 1) * kSteps, products);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        const int at = group * static_cast<int>(kPanel) + v * kCount;
        totals[v] = Lanes::add_scaled(totals[v], Lanes::scaled(scales + at, scale), products[v]);
        if constexpr (minimums) totals[v] = Lanes::subtract(totals[v], lowest + at, scale * static_cast<float>(sum));
      }
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) Lanes::store(sums + first + v * kCount, totals[v]);
}

template <typename Lanes, bool bytes, bool minimums, bool halves>
static void multiply_layout(const RoundedRow& row, const char* panel, int64_t blocks, float* sums) {
  for (int first = 0; first < kPanel; first += Lanes::kVectors * static_cast<int>(Lanes::kCount)) {
    multiply_vectors<Lanes, bytes, minimums, halves>(row, panel, blocks, first, sums);
  }
}

template <typename Lanes>
static void multiply_panel_blocks(const RoundedRow& row, const char* panel, const BlockLayout& layout, int64_t blocks, float* sums) {
  using Function = void (*)(const RoundedRow&, const char*, int64_t, float*);
  static constexpr Function table[8] = {
      multiply_layout<Lanes, false, false, false>, multiply_layout<Lanes, true, false, false>,
      multiply_layout<Lanes, false, true, false>,  multiply_layout<Lanes, true, true, false>,
      multiply_layout<Lanes, false, false, true>,  multiply_layout<Lanes, true, false, true>,
      multiply_layout<Lanes, false, true, true>,   multiply_layout<Lanes, true, true, true>};
  table[(layout.bytes ? 1 : 0) + (layout.minimums ? 2 : 0) + (layout.halves ? 4 : 0)](row, panel, blocks, sums);
}

}  // namespace
}  // namespace elastic
