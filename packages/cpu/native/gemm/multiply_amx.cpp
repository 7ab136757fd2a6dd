// bf16 products on AMX tiles. Compiled with AVX-512 and AMX; called only where both are there.
#if defined(__x86_64__)
#include "amx/tiles.h"
#include "core/scratch.h"
#include "core/thread_pool.h"
#include "floats/finish_row.h"
#include "gemm/multiply.h"
#include "gemm/panel_product.h"

namespace elastic {
namespace {

constexpr int64_t kTileElements = 512;  // 16 rows of 32 bf16 values
constexpr int64_t kRowPanel = 32;       // rows of two tiles
constexpr int64_t kMaximumRows = 2048;  // rows packed at a time

/** A thread's share of a weight that stays in its second-level cache, and the depth whose rows are packed beside it. */
constexpr int64_t kResidentBytes = int64_t{1} << 20, kResidentDepth = 2048;
/** Output panels that share the packing of rows. */
constexpr int64_t kSharedPanels = 4;

/** Depth of one pass: 32 rows of inputs, a panel and their sums then stay in the first-level cache. */
constexpr int64_t kPassTiles = 8;

/** Packs rows into [row panel][depth / 32][2][16][32]; rows behind the last and inputs behind the last are zero. */
static void pack_rows(const Matrix& input, int64_t start, int64_t rows, int64_t depth, uint16_t* packed) {
  for (int64_t row = 0; row < kRowPanel; ++row) {
    uint16_t* target = packed + row / 16 * kTileElements + row % 16 * 32;
    const int64_t columns = row < rows ? input.columns : 0;
    const char* source = row < rows ? input.row(start + row) : nullptr;
    for (int64_t k = 0; k < depth; k += 32, target += 2 * kTileElements) {
      for (int64_t half = 0; half < 32; half += kLanes) {
        const int64_t left = columns - k - half;
        HalfVector halves = {};
        if (left >= kLanes) {
          halves = input.dtype == DType::BF16
                       ? *reinterpret_cast<const UnalignedHalves*>(source + 2 * (k + half))
                       : round_bf16(load<DType::F32>(source, k + half));
        } else if (left > 0) {
          halves = round_bf16(input.dtype == DType::BF16 ? load_first<DType::BF16>(source, k + half, left)
                                                         : load_first<DType::F32>(source, k + half, left));
        }
        *reinterpret_cast<UnalignedHalves*>(target + half) = halves;
      }
    }
  }
}

/** Where the two tiles of 32 rows of inputs lie: bytes between rows, to the lower 16 rows, and to the next 32 inputs. */
struct RowTiles {
  const char* data;
  int64_t row_bytes, lower_bytes, step_bytes;
};

static inline RowTiles packed_tiles(const uint16_t* packed) {
  return {reinterpret_cast<const char*>(packed), 64, 2 * kTileElements, 4 * kTileElements};
}

/** sums[32][32] (+)= 32 rows · one panel over `tiles` steps of 32 inputs; `keep` packs the rows on the way. */
template <bool keep>
static inline void multiply_tiles(const RowTiles& rows, const uint16_t* b, int64_t tiles, float* sums, bool first,
                                  uint16_t* packed = nullptr) {
  if (first) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  } else {
    _tile_loadd(0, sums, 64);
    _tile_loadd(1, sums + 256, 64);
    _tile_loadd(2, sums + 512, 64);
    _tile_loadd(3, sums + 768, 64);
  }
  const char* a = rows.data;
  for (int64_t tile = 0; tile < tiles; ++tile, a += rows.step_bytes, b += 2 * kTileElements) {
    _tile_loadd(4, a, rows.row_bytes);
    _tile_loadd(6, b, 64);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (keep) _tile_stored(4, packed, 64);
    _tile_loadd(7, b + kTileElements, 64);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, a + rows.lower_bytes, rows.row_bytes);
    _tile_dpbf16ps(2, 5, 6);
    if constexpr (keep) {
      _tile_stored(5, packed + kTileElements, 64);
      packed += 2 * kTileElements;
    }
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, sums, 64);
  _tile_stored(1, sums + 256, 64);
  _tile_stored(2, sums + 512, 64);
  _tile_stored(3, sums + 768, 64);
}

/** Rounds 32 sums of a row and writes them: what most rows of most products need, without a call. */
static inline void store_row(const Product& product, const float* left, const float* bias, char* out) {
  __m512 low = _mm512_loadu_ps(left), high = _mm512_loadu_ps(left + 256);
  if (bias != nullptr) {
    low = _mm512_add_ps(low, _mm512_loadu_ps(bias));
    high = _mm512_add_ps(high, _mm512_loadu_ps(bias + 16));
  }
  if (product.output.dtype == DType::F32) {
    _mm512_storeu_ps(out, low);
    _mm512_storeu_ps(out + 64, high);
  } else {
    _mm512_storeu_si512(out, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low)));
  }
}

/** Writes the four 16×16 sums of a row panel and an output panel. */
static void finish_tiles(const Product& product, const float* sums, int64_t row, int64_t rows, int64_t panel) {
  const int64_t column = panel * kPanel;
  const Matrix& output = product.output;
  const int64_t n = product.weight.outputs - column < kPanel ? product.weight.outputs - column : kPanel;
  const float* bias = product.bias == nullptr ? nullptr : product.bias + column;
  for (int64_t r = 0; r < rows; ++r) {
    char* out = output.row(row + r) + column * byte_size(output.dtype);
    const float* left = sums + r / 16 * 512 + r % 16 * 16;
    if (n == kPanel && !product.accumulate) {
      store_row(product, left, bias, out);
      continue;
    }
    finish_row(left, bias, out, output.dtype, product.accumulate, n < 16 ? n : 16);
    if (n > 16) {
      finish_row(left + 256, bias == nullptr ? nullptr : bias + 16, out + 16 * byte_size(output.dtype), output.dtype,
                 product.accumulate, n - 16);
    }
  }
}

struct Block {
  int64_t first_row, last_row, first_panel, last_panel;
};

/** One task: some row panels by some output panels, all of the depth. */
static void multiply_block(const Product& product, const uint16_t* packed, int64_t start, const Block& block) {
  configure_tiles(TileShape::Whole);
  const PackedWeight& weight = product.weight;
  const int64_t tiles = weight.depth() / 32, panels = block.last_panel - block.first_panel;
  const int64_t row_panels = block.last_row - block.first_row;
  Scratch scratch;
  float* sums = scratch.take<float>(row_panels * panels * kRowPanel * kPanel);
  for (int64_t tile = 0; tile < tiles; tile += kPassTiles) {
    const int64_t count = tiles - tile < kPassTiles ? tiles - tile : kPassTiles;
    const bool first = tile == 0, last = tile + count == tiles;
    for (int64_t row = 0; row < row_panels; ++row) {
      const uint16_t* a = packed + ((block.first_row + row) * tiles + tile) * 2 * kTileElements;
      for (int64_t panel = 0; panel < panels; ++panel) {
        const auto* b = reinterpret_cast<const uint16_t*>(weight.panel(block.first_panel + panel));
        float* sum = sums + (row * panels + panel) * 1024;
        multiply_tiles<false>(packed_tiles(a), b + tile * 2 * kTileElements, count, sum, first);
        if (!last) continue;
        const int64_t done = (block.first_row + row) * kRowPanel, left = product.input.rows - start - done;
        finish_tiles(product, sum, start + done, left < kRowPanel ? left : kRowPanel, block.first_panel + panel);
      }
    }
  }
}

}  // namespace

void multiply_panel_tiles(const uint16_t* a, int64_t a_stride, int64_t, const uint16_t* panel, int64_t depth, float* c,
                          int64_t c_stride, bool accumulate) {
  configure_tiles(TileShape::Whole);
  packed_for_tiles();
  float* below = c + 16 * c_stride;
  if (accumulate) {
    _tile_loadd(0, c, 4 * c_stride);
    _tile_loadd(1, c + 16, 4 * c_stride);
    _tile_loadd(2, below, 4 * c_stride);
    _tile_loadd(3, below + 16, 4 * c_stride);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  for (int64_t k = 0; k < depth; k += 32, panel += 2 * kTileElements) {
    _tile_loadd(4, a + k, 2 * a_stride);
    _tile_loadd(6, panel, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, panel + kTileElements, 64);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, a + 16 * a_stride + k, 2 * a_stride);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, c, 4 * c_stride);
  _tile_stored(1, c + 16, 4 * c_stride);
  _tile_stored(2, below, 4 * c_stride);
  _tile_stored(3, below + 16, 4 * c_stride);
}

/** One task of a weight that stays in the caches: 32 rows by some output panels, packed by the thread that reads them. */
static void multiply_resident_rows(const Product& product, int64_t start, int64_t first_panel, int64_t last_panel) {
  configure_tiles(TileShape::Whole);
  const PackedWeight& weight = product.weight;
  const Matrix& input = product.input;
  const int64_t depth = weight.depth(), left = input.rows - start, rows = left < kRowPanel ? left : kRowPanel;
  Scratch scratch;
  auto* packed = scratch.take<uint16_t>(kRowPanel * depth);
  const bool in_place = input.dtype == DType::BF16 && rows == kRowPanel && input.columns == depth;
  if (!in_place) {
    pack_rows(input, start, rows, depth, packed);
    packed_for_tiles();
  }
  alignas(64) float sums[2][kRowPanel * kPanel];
  for (int64_t panel = first_panel; panel < last_panel; ++panel) {
    const auto* b = reinterpret_cast<const uint16_t*>(weight.panel(panel));
    // Two sets in turn: the tiles need not wait until the last sums are read.
    float* sum = sums[panel & 1];
    if (in_place && panel == first_panel) {
      const RowTiles source{input.row(start), 2 * input.row_stride, 32 * input.row_stride, 64};
      multiply_tiles<true>(source, b, depth / 32, sum, true, packed);
      packed_for_tiles();
    } else {
      multiply_tiles<false>(packed_tiles(packed), b, depth / 32, sum, true);
    }
    finish_tiles(product, sum, start, rows, panel);
  }
}

/** Every thread keeps its share of the output panels from call to call, as long as it lies in its second-level cache. */
static void multiply_resident(const Product& product) {
  const int64_t panels = product.weight.panels(), threads = current_execution().threads;
  const int64_t row_panels = (product.input.rows + kRowPanel - 1) / kRowPanel;
  const int64_t wanted = panels / kSharedPanels < threads ? panels / kSharedPanels : threads, columns = wanted < 1 ? 1 : wanted;
  parallel_shares(columns * row_panels, [&](int64_t task) {
    const int64_t column = task / row_panels;
    multiply_resident_rows(product, task % row_panels * kRowPanel, panels * column / columns, panels * (column + 1) / columns);
  });
}

void multiply_amx(const Product& product) {
  const int64_t depth = product.weight.depth(), panels = product.weight.panels();
  const int64_t threads = current_execution().threads;
  if (depth <= kResidentDepth && product.weight.bytes() <= threads * kResidentBytes) return multiply_resident(product);
  for (int64_t start = 0; start < product.input.rows; start += kMaximumRows) {
    const int64_t left = product.input.rows - start, rows = left < kMaximumRows ? left : kMaximumRows;
    const int64_t row_panels = (rows + kRowPanel - 1) / kRowPanel;
    Scratch scratch;
    auto* packed = scratch.take<uint16_t>(row_panels * kRowPanel * depth);
    parallel_for(row_panels, [&](int64_t panel) {
      const int64_t first = panel * kRowPanel;
      pack_rows(product.input, start + first, rows - first, depth, packed + first * depth);
      packed_for_tiles();
    });
    int64_t row_group = 16, panel_group = 8;
    const auto tasks = [&] { return ((row_panels + row_group - 1) / row_group) * ((panels + panel_group - 1) / panel_group); };
    while (panel_group > 1 && tasks() < 4 * threads) panel_group /= 2;
    while (row_group > 1 && tasks() < 4 * threads) row_group /= 2;
    const int64_t columns = (panels + panel_group - 1) / panel_group;
    parallel_for(tasks(), [&](int64_t task) {
      const int64_t row = task / columns * row_group, panel = task % columns * panel_group;
      const int64_t last_row = row + row_group < row_panels ? row + row_group : row_panels;
      const int64_t last_panel = panel + panel_group < panels ? panel + panel_group : panels;
      multiply_block(product, packed, start, {row, last_row, panel, last_panel});
    });
  }
}

}  // namespace elastic
#endif
