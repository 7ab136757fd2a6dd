// Weights in blocks by rounded rows, by the int8 products of AMX: 16 rows by 32 outputs over a block of 32 inputs, or half of one,
// after which the integers meet their scales. Sums are those of AVX-512 VNNI to the bit, which takes the rows behind the last 16.
// Compiled with AVX-512, VNNI and AMX; called only where all are there.
#if defined(__x86_64__)
#include "amx/tiles.h"

#include "blocks/levels/block_product.h"
#include "blocks/levels/vectors_of_16.h"

namespace elastic {
namespace {

constexpr int64_t kTileRows = 16;
/** Bytes of a step, four inputs of 32 outputs, and of a block's integers as bytes. */
constexpr int64_t kStepBytes = kPanel * 4;
constexpr int64_t kBlockBytes = kPanel * kBlock;

/** The integers of a record as bytes, in the order of a layout that has whole ones. */
template <BlockLayout kLayout, int kStep = 0>
ELASTIC_BLOCK_INLINE void unpack_integers(const char* record, char* bytes) {
  if constexpr (kStep < kBlock / 4) {
    for (int64_t v = 0; v < 2; ++v) {
      const auto words = weights_of<Avx512VnniLanes, kLayout, kStep>(record + v * 64);
      _mm512_store_si512(bytes + kStep * kStepBytes + v * 64, reinterpret_cast<__m512i>(words));
    }
    unpack_integers<kLayout, kStep + 1>(record, bytes);
  }
}

/** sums[16][32] of 16 rows += a block's integers times their scales, with the expressions of `add_group`. */
template <BlockLayout kLayout, int kGroup>
ELASTIC_BLOCK_INLINE void add_products(const RoundedRows& rows, const int32_t* products, const VectorScales<Avx512VnniLanes> (&scales)[2], float* sums) {
  using Lanes = Avx512VnniLanes;
  const int64_t blocks = rows.inputs / kBlock;
  for (int64_t row = 0; row < kTileRows; ++row) {
    const int32_t offset = kLayout.sixteens ? rows.half_offsets[row * 2 * blocks + kGroup] : rows.block_offsets[row * blocks];
    for (int v = 0; v < 2; ++v) {
      const auto integers = reinterpret_cast<Lanes::Integers>(_mm512_load_si512(products + v * 256 + row * 16)) + Lanes::integers(offset) * kLayout.offset;
      Lanes::Floats total = _mm512_loadu_ps(sums + row * kPanel + v * 16);
      total += scales[v].scale * rows.scales[row * blocks] * Lanes::as_floats(integers);
      if constexpr (kLayout.minimums) total += scales[v].minimum * rows.sums[row * blocks];
      Lanes::store(sums + row * kPanel + v * 16, total);
    }
  }
}

/** A block of inputs, or half of it, of all rows. `integers`: those of its steps. */
template <BlockLayout kLayout, int kGroup>
ELASTIC_BLOCK_INLINE void add_block(const RoundedRows& rows, int64_t count, const char* header, const char* record, const char* integers, float* sums) {
  const VectorScales<Avx512VnniLanes> scales[2] = {scales_of<Avx512VnniLanes, kLayout>(header, record, kGroup, 0),
                                                   scales_of<Avx512VnniLanes, kLayout>(header, record, kGroup, 16)};
  alignas(64) int32_t products[2][2 * 256];
  const int8_t* values = rows.values + kGroup * 16;
  _tile_loadd(6, integers + kGroup * 4 * kStepBytes, kStepBytes);
  _tile_loadd(7, integers + kGroup * 4 * kStepBytes + 64, kStepBytes);
  for (int64_t row = 0; row < count; row += 2 * kTileRows) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_loadd(4, values + row * rows.inputs, rows.inputs);
    _tile_dpbsud(0, 4, 6);
    _tile_dpbsud(1, 4, 7);
    const bool both = row + kTileRows < count;
    if (both) {
      _tile_zero(2);
      _tile_zero(3);
      _tile_loadd(5, values + (row + kTileRows) * rows.inputs, rows.inputs);
      _tile_dpbsud(2, 5, 6);
      _tile_dpbsud(3, 5, 7);
    }
    _tile_stored(0, products[0], 64);
    _tile_stored(1, products[0] + 256, 64);
    add_products<kLayout, kGroup>(rows.from(row), products[0], scales, sums + row * kPanel);
    if (!both) break;
    _tile_stored(2, products[1], 64);
    _tile_stored(3, products[1] + 256, 64);
    add_products<kLayout, kGroup>(rows.from(row + kTileRows), products[1], scales, sums + (row + kTileRows) * kPanel);
  }
}

/** `count` rows, whole tiles of them, by a panel. */
template <BlockFormat format>
static void multiply_tiles(RoundedRows rows, int64_t count, const char* panel, float* sums) {
  constexpr BlockLayout kLayout = layout_of(format);
  configure_tiles(kLayout.sixteens ? TileShape::HalfBlock : TileShape::Block);
  __builtin_memset(sums, 0, static_cast<std::size_t>(count * kPanel) * sizeof(float));
  alignas(64) char bytes[kBlockBytes];
  const char* header = panel;
  const int64_t blocks = rows.inputs / kBlock;
  for (int64_t block = 0; block < blocks; ++block, panel += kLayout.record_bytes()) {
    if (kLayout.grouped && block % kLayout.blocks_of_group() == 0) {
      header = panel;
      panel += kLayout.header_bytes();
    }
    const char* integers = panel;
    if constexpr (kLayout.bits != 8) {
      unpack_integers<kLayout>(panel, bytes);
      integers = bytes;
    }
    packed_for_tiles();
    add_block<kLayout, 0>(rows, count, header, panel, integers, sums);
    if constexpr (kLayout.sixteens) add_block<kLayout, 1>(rows, count, header, panel, integers, sums);
    rows.values += kBlock;
    rows.scales += 1;
    rows.sums += 1;
    rows.block_offsets += 1;
    rows.half_offsets += 2;
  }
}

}  // namespace

void multiply_blocks_amx(const RoundedRows& rows, int64_t count, const char* panel, BlockFormat format, float* sums) {
  using Function = void (*)(RoundedRows, int64_t, const char*, float*);
  static constexpr Function table[kBlockFormats] = {
      multiply_tiles<BlockFormat::Q8_0>, multiply_tiles<BlockFormat::Q4_0>, multiply_tiles<BlockFormat::Q4_1>,
      multiply_tiles<BlockFormat::Q5_0>, multiply_tiles<BlockFormat::Q5_1>, multiply_tiles<BlockFormat::Q4_K>,
      multiply_tiles<BlockFormat::Q5_K>, multiply_tiles<BlockFormat::Q6_K>, multiply_tiles<BlockFormat::Q8_0>};
  const int64_t whole = count / kTileRows * kTileRows;
  if (whole > 0) table[static_cast<int>(format)](rows, whole, panel, sums);
  if (whole < count) multiply_blocks_avx512_vnni(rows.from(whole), count - whole, panel, format, sums + whole * kPanel);
}

}  // namespace elastic
#endif
