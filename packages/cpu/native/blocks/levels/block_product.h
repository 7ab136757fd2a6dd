#pragma once
// Panels in blocks by rounded rows, the same for every level. `Lanes` says how many outputs a vector has, how many rows and
// vectors share what is in registers, and how four inputs of each output are multiplied. Included once for each level.
#include "blocks/block_layout.h"

namespace elastic {
namespace {

#define ELASTIC_BLOCK_INLINE static inline __attribute__((always_inline))

/** Low four bits of the integers of one step, for a vector of outputs; all eight in layouts of bytes. */
template <typename Lanes, BlockLayout kLayout, int kStep>
ELASTIC_BLOCK_INLINE typename Lanes::Words step_words(const char* record) {
  constexpr int kAt = kLayout.bits == 8 ? kStep : kStep % 4;
  const typename Lanes::Words words = Lanes::words(record + kAt * kPanel * 4);
  if constexpr (kLayout.bits == 8) return Lanes::biased(words);
  return (kStep < 4 ? words : words >> 4) & 0x0f0f0f0fu;
}

/** The bits above the low four of one step, from the vector of a plane. */
template <typename Lanes, BlockLayout kLayout, int kStep>
ELASTIC_BLOCK_INLINE typename Lanes::Words high_bits(typename Lanes::Words plane) {
  constexpr int kShift = kLayout.bits == 5 ? kStep : 2 * (kStep % 4);
  constexpr uint32_t kMask = kLayout.bits == 5 ? 0x10101010u : 0x30303030u;
  return (kShift < 4 ? plane << (4 - kShift) : plane >> (kShift - 4)) & kMask;
}

template <typename Lanes, BlockLayout kLayout, int kStep>
ELASTIC_BLOCK_INLINE typename Lanes::Words weights_of(const char* record) {
  typename Lanes::Words words = step_words<Lanes, kLayout, kStep>(record);
  if constexpr (kLayout.bits == 5 || kLayout.bits == 6) {
    constexpr int kPlane = kLayout.bits == 5 ? 0 : kStep / 4;
    words |= high_bits<Lanes, kLayout, kStep>(Lanes::words(record + kLayout.integer_bytes() + kPlane * kPanel * 4));
  }
  return words;
}

/** Adds the products of one step, four inputs, to the integer sums of every row and vector. */
template <typename Lanes, BlockLayout kLayout, int kStep, int kRows, int kVectors>
ELASTIC_BLOCK_INLINE void add_step(const char* record, const int8_t* values, int64_t stride,
                                   typename Lanes::Integers (&products)[kRows][kVectors]) {
  typename Lanes::Words weights[kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) weights[v] = weights_of<Lanes, kLayout, kStep>(record + v * Lanes::kCount * 4);
#pragma GCC unroll 8
  for (int row = 0; row < kRows; ++row) {
    // Loads stay in this order: compilers would begin with those of the whole block, for which there are no registers.
    asm volatile("" ::: "memory");
    const auto four = Lanes::four(values + row * stride + 4 * kStep);
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) products[row][v] = Lanes::template add<kLayout.bits>(products[row][v], weights[v], four);
  }
}

/** Steps from kStep on, so many of them. */
template <typename Lanes, BlockLayout kLayout, int kStep, int kSteps, int kRows, int kVectors>
ELASTIC_BLOCK_INLINE void add_steps(const char* record, const int8_t* values, int64_t stride,
                                    typename Lanes::Integers (&products)[kRows][kVectors]) {
  if constexpr (kSteps > 0) {
    add_step<Lanes, kLayout, kStep>(record, values, stride, products);
    // The low and the high nibbles of the same bytes are multiplied one after the other.
    constexpr bool kPaired = kLayout.bits != 8 && !kLayout.sixteens;
    constexpr int kNext = kPaired ? (kStep < 4 ? kStep + 4 : kStep - 3) : kStep + 1;
    add_steps<Lanes, kLayout, kNext, kSteps - 1>(record, values, stride, products);
  }
}

/** The scales and minimums of a vector of outputs. */
template <typename Lanes>
struct VectorScales {
  typename Lanes::Floats scale;
  typename Lanes::Floats minimum;
};

/** Of the inputs of a record, or of its group of 16. */
template <typename Lanes, BlockLayout kLayout>
ELASTIC_BLOCK_INLINE VectorScales<Lanes> scales_of(const char* header, const char* record, int group, int output) {
  const char* own = record + kLayout.integer_bytes() + kLayout.plane_bytes();
  VectorScales<Lanes> scales;
  if constexpr (!kLayout.grouped) {
    scales.scale = Lanes::halves(own + 2 * output);
    if constexpr (kLayout.minimums) scales.minimum = Lanes::halves(own + 2 * (kPanel + output));
  } else if constexpr (kLayout.sixteens) {
    scales.scale = Lanes::halves(header + 2 * output) * Lanes::signed_bytes(own + group * kPanel + output);
  } else {
    scales.scale = Lanes::halves(header + 2 * output) * Lanes::unsigned_bytes(own + output);
    scales.minimum = Lanes::halves(header + 2 * (kPanel + output)) * Lanes::unsigned_bytes(own + kPanel + output);
  }
  return scales;
}

/** The products of a record, or of a group of 16 of its inputs, added to the sums of kRows rows by kVectors vectors. */
template <typename Lanes, BlockLayout kLayout, int kGroup, int kRows, int kVectors>
ELASTIC_BLOCK_INLINE void add_group(const char* header, const char* record, int first, const RoundedRows& rows,
                                    typename Lanes::Floats (&totals)[kRows][kVectors]) {
  constexpr int kSteps = kLayout.sixteens ? 4 : 8;
  constexpr int kOffset = kLayout.offset - (kLayout.bits == 8 ? Lanes::kBias : 0);
  constexpr bool kStartsAtOffset = kOffset != 0 && Lanes::sums_whole(kLayout.bits);
  const int64_t stride = rows.inputs, blocks = rows.inputs / kBlock;
  const auto offset_of = [&](int row) __attribute__((always_inline)) {
    return Lanes::integers(kLayout.sixteens ? rows.half_offsets[row * 2 * blocks + kGroup] : rows.block_offsets[row * blocks]) * kOffset;
  };
  typename Lanes::Integers products[kRows][kVectors];
#pragma GCC unroll 8
  for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) products[row][v] = kStartsAtOffset ? offset_of(row) : Lanes::integers(0);
  }
  add_steps<Lanes, kLayout, kGroup * 4, kSteps>(record + first * 4, rows.values, stride, products);
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) {
    // As above: the scales of one vector of outputs at a time.
    asm volatile("" ::: "memory");
    const VectorScales<Lanes> scales = scales_of<Lanes, kLayout>(header, record, kGroup, first + v * static_cast<int>(Lanes::kCount));
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row) {
      auto integers = Lanes::template whole<kLayout.bits>(products[row][v]);
      if constexpr (kOffset != 0 && !kStartsAtOffset) integers += offset_of(row);
      totals[row][v] += scales.scale * rows.scales[row * blocks] * Lanes::as_floats(integers);
      if constexpr (kLayout.minimums) totals[row][v] += scales.minimum * rows.sums[row * blocks];
    }
  }
}

/** kRows rows by kVectors vectors of outputs from `first` on. */
template <typename Lanes, BlockLayout kLayout, int kRows, int kVectors>
ELASTIC_BLOCK_INLINE void multiply_tile(RoundedRows rows, const char* panel, int first, float* sums) {
  typename Lanes::Floats totals[kRows][kVectors] = {};
  const int64_t blocks = rows.inputs / kBlock;
  const char* header = panel;
#pragma GCC unroll 1
  for (int64_t block = 0; block < blocks; ++block) {
    if constexpr (kLayout.grouped) {
      if (block % kLayout.blocks_of_group() == 0) {
        header = panel;
        panel += kLayout.header_bytes();
      }
    }
    add_group<Lanes, kLayout, 0>(header, panel, first, rows, totals);
    if constexpr (kLayout.sixteens) add_group<Lanes, kLayout, 1>(header, panel, first, rows, totals);
    panel += kLayout.record_bytes();
    rows.values += kBlock;
    rows.scales += 1;
    rows.sums += 1;
    rows.block_offsets += 1;
    rows.half_offsets += 2;
  }
#pragma GCC unroll 8
  for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) Lanes::store(sums + row * kPanel + first + v * Lanes::kCount, totals[row][v]);
  }
}

/** Rows from `row` on while there are kRows of them: the weights of some outputs stay in the first-level cache meanwhile. */
template <typename Lanes, BlockLayout kLayout, int kRows>
static int64_t multiply_rows(const RoundedRows& rows, int64_t row, int64_t count, const char* panel, float* sums) {
  constexpr int kVectors = Lanes::vectors(kRows);
  const int64_t end = row + (count - row) / kRows * kRows;
  for (int first = 0; first < kPanel; first += kVectors * static_cast<int>(Lanes::kCount)) {
    for (int64_t at = row; at < end; at += kRows) multiply_tile<Lanes, kLayout, kRows, kVectors>(rows.from(at), panel, first, sums + at * kPanel);
  }
  return end;
}

template <typename Lanes, BlockFormat format>
static void multiply_format(const RoundedRows& rows, int64_t count, const char* panel, float* sums) {
  constexpr BlockLayout kLayout = layout_of(format);
  int64_t row = multiply_rows<Lanes, kLayout, Lanes::kRows>(rows, 0, count, panel, sums);
  if constexpr (Lanes::kRows > 2) row = multiply_rows<Lanes, kLayout, 2>(rows, row, count, panel, sums);
  multiply_rows<Lanes, kLayout, 1>(rows, row, count, panel, sums);
}

template <typename Lanes>
static void multiply_panel_blocks(const RoundedRows& rows, int64_t count, const char* panel, BlockFormat format, float* sums) {
  using Function = void (*)(const RoundedRows&, int64_t, const char*, float*);
  static constexpr Function table[kBlockFormats] = {
      multiply_format<Lanes, BlockFormat::Q8_0>, multiply_format<Lanes, BlockFormat::Q4_0>, multiply_format<Lanes, BlockFormat::Q4_1>,
      multiply_format<Lanes, BlockFormat::Q5_0>, multiply_format<Lanes, BlockFormat::Q5_1>, multiply_format<Lanes, BlockFormat::Q4_K>,
      multiply_format<Lanes, BlockFormat::Q5_K>, multiply_format<Lanes, BlockFormat::Q6_K>, multiply_format<Lanes, BlockFormat::Q8_0>};
  table[static_cast<int>(format)](rows, count, panel, sums);
}

}  // namespace
}  // namespace elastic
