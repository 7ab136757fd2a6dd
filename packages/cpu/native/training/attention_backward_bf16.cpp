// Attention's backward in bf16: products by AMX tiles or AVX-512 dot products, float32 sums. Weights and score gradients
// are rounded to bf16 for the products that follow.
#include "training/attention_backward_step.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include "core/instruction_set.h"
#include "core/scratch.h"
#include "floats/gradients/attention_gradients.h"
#include "floats/kernel_table.h"
#include "floats/vector.h"
#include "gemm/panel_product.h"

namespace elastic {
namespace {

/** Elements of a square in tile layout. */
constexpr int64_t kSquareElements = kKeyBlock * kPanel;
static_assert(kKeyBlock == kPanel && kKeyBlock == kTileDepth && kKeyBlock == kGradientSquare);

uint16_t* halves(char* data) { return reinterpret_cast<uint16_t*>(data); }

/** Two rows side by side, element by element: a row of the tile layout for products that sum over rows. */
ELASTIC_INLINE BitVector paired(HalfVector low, HalfVector high) {
  return __builtin_convertvector(low, BitVector) | (__builtin_convertvector(high, BitVector) << 16);
}

HalfVector load_halves(const uint16_t* x) { return *reinterpret_cast<const UnalignedHalves*>(x); }

void pack_keys(const CacheRows& keys, const CacheRows& values, int64_t block, int64_t head_dim, const BackwardKeys& packed) {
  const int64_t first = block * kKeyBlock;
  const auto bytes = static_cast<std::size_t>(2 * head_dim);
  uint16_t* key_rows = halves(packed.keys) + first * head_dim;
  uint16_t* value_rows = halves(packed.values) + first * head_dim;
  uint16_t* columns = halves(packed.key_columns) + first / kBackwardKeys * kBackwardKeys * head_dim + first % kBackwardKeys;
  __builtin_memset(key_rows, 0, kKeyBlock * bytes);
  __builtin_memset(value_rows, 0, kKeyBlock * bytes);
  for (int64_t i = 0; i < kKeyBlock; ++i) {
    if (keys.rows[i] != nullptr) __builtin_memcpy(key_rows + i * head_dim, keys.rows[i], bytes);
    if (values.rows[i] != nullptr) __builtin_memcpy(value_rows + i * head_dim, values.rows[i], bytes);
    for (int64_t element = 0; element < head_dim; ++element) columns[element * kBackwardKeys + i] = key_rows[i * head_dim + element];
  }
}

void pack_rows(const Matrix& source, const BackwardTile& tile, uint16_t* panels, uint16_t* rows) {
  const int64_t width = tile.width, squares = tile.padded_rows / kPanel;
  const auto row_at = [&](int64_t r) {
    return r < tile.tile->rows ? source.halves(tile.tile->row + r) + tile.tile->query_head * width : nullptr;
  };
  for (int64_t r = 0; r < tile.padded_rows; ++r) {
    const uint16_t* row = row_at(r);
    auto* words = reinterpret_cast<uint32_t*>(panels + r / kPanel * kPanel * width) + r % kPanel / 16 * 256 + r % 16;
    for (int64_t pair = 0; pair < width / 2; ++pair) {
      uint32_t word = 0;
      if (row != nullptr) __builtin_memcpy(&word, row + 2 * pair, 4);
      words[pair / 16 * 512 + pair % 16 * 16] = word;
    }
  }
  for (int64_t r = 0; r < tile.padded_rows; r += 2) {
    const uint16_t *even = row_at(r), *odd = row_at(r + 1);
    for (int64_t i = 0; i < width; i += kLanes) {
      uint16_t* target = rows + (i / kPanel * squares + r / kPanel) * kSquareElements + i % kPanel / kLanes * 512 + r % kPanel * 16;
      const BitVector words = paired(even != nullptr ? load_halves(even + i) : HalfVector{}, odd != nullptr ? load_halves(odd + i) : HalfVector{});
      *reinterpret_cast<UnalignedBits*>(target) = words;
    }
  }
}

void pack_tile(const AttentionBackward& backward, const BackwardTile& tile) {
  row_statistics(backward, tile);
  const PackedTile<uint16_t> packed(tile);
  pack_rows(backward.forward.query, tile, packed.query_panels, packed.query_rows);
  pack_rows(backward.output_gradient, tile, packed.gradient_panels, packed.gradient_rows);
}

StepBuffers<uint16_t> step_buffers(int64_t keys, Scratch& scratch) {
  constexpr int64_t kRow = kKeyBlock * kBackwardRows;
  StepBuffers<uint16_t> buffers;
  buffers.scores = scratch.take<float>(kRow);
  buffers.products = scratch.take<float>(kRow);
  buffers.weights = scratch.take<uint16_t>(kRow);
  buffers.gradients = scratch.take<uint16_t>(kRow);
  buffers.panels = scratch.take<uint16_t>(keys * kBackwardRows);
  return buffers;
}

ELASTIC_INLINE HalfVector rounded(Vector value) {
  const __m256bh halves = _mm512_cvtneps_pbh(reinterpret_cast<__m512>(value));
  HalfVector result;
  __builtin_memcpy(&result, &halves, 32);
  return result;
}

/** Weights and score gradients of one square, rounded. */
void square_gradients(const StepBuffers<uint16_t>& work, uint16_t* panel, const RowStatistics& statistics, const SquareOfKeys& square) {
  const int64_t row = square.row;
  for (int64_t half = 0; half < kPanel; half += kLanes) {
    const Vector lse = *reinterpret_cast<const UnalignedVector*>(statistics.log_sum_exp + row + half);
    const Vector delta = *reinterpret_cast<const UnalignedVector*>(statistics.delta + row + half);
    for (int64_t key = 0; key < kKeyBlock; key += 2) {
      HalfVector gradients[2];
#pragma GCC unroll 2
      for (int64_t i = 0; i < 2; ++i) {
        const int64_t at = (key + i) * kBackwardRows + row + half;
        const RowGradients result = row_gradients(*reinterpret_cast<const UnalignedVector*>(work.scores + at),
                                                  *reinterpret_cast<const UnalignedVector*>(work.products + at), lse, delta, square.factors,
                                                  square.mask.from(key + i, half), square.mask.until(key + i, half));
        gradients[i] = rounded(result.gradients);
        *reinterpret_cast<UnalignedHalves*>(work.weights + at) = rounded(result.weights);
        *reinterpret_cast<UnalignedHalves*>(work.gradients + at) = gradients[i];
      }
      *reinterpret_cast<UnalignedBits*>(panel + half / kLanes * 512 + key * 16) = paired(gradients[0], gradients[1]);
    }
  }
}

void step(const BackwardTile& tile, const BackwardKeys& keys, const ScoreFactors& factors, const BackwardStep& step) {
  const PanelProduct multiply = instruction_set() == InstructionSet::Amx ? multiply_panel_tiles : multiply_panel_dot;
  Scratch scratch;
  backward_step(tile, keys, factors, step, step_buffers(step.keys, scratch), multiply, square_gradients);
}

}  // namespace

const BackwardKernel& bf16_backward_kernel() {
  static constexpr BackwardKernel kernel = {2, pack_keys, packed_tile_bytes<uint16_t>, pack_tile, step};
  return kernel;
}

}  // namespace elastic
#endif
