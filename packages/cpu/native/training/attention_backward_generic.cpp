// Attention's backward by the float kernels of any instruction set, everything widened to float32.
#include <algorithm>
#include <cstring>

#include "core/scratch.h"
#include "floats/gradients/gradient_table.h"
#include "floats/kernel_table.h"
#include "training/attention_backward_step.h"

namespace elastic {
namespace {

static_assert(kKeyBlock == kPanel && kKeyBlock == kGradientSquare);

float* floats(char* data) { return reinterpret_cast<float*>(data); }

void pack_keys(const CacheRows& keys, const CacheRows& values, int64_t block, int64_t head_dim, const BackwardKeys& packed) {
  const int64_t width = packed.width, first = block * kKeyBlock;
  const auto bytes = static_cast<std::size_t>(width * 4);
  float* columns = floats(packed.key_columns) + first / kBackwardKeys * kBackwardKeys * width + first % kBackwardKeys;
  const auto widen = [&](const CacheRows& source, int64_t i, char* target) {
    float* row = floats(target) + (first + i) * width;
    std::memset(row, 0, bytes);
    if (source.rows[i] != nullptr) {
      float_kernels().convert(source.rows[i], source.dtype, reinterpret_cast<char*>(row), DType::F32, head_dim);
    }
    return row;
  };
  for (int64_t i = 0; i < kKeyBlock; ++i) {
    widen(values, i, packed.values);
    const float* row = widen(keys, i, packed.keys);
    for (int64_t element = 0; element < width; ++element) columns[element * kBackwardKeys + i] = row[element];
  }
}

void pack_rows(const Matrix& source, const BackwardTile& tile, int64_t head_dim, float* panels, float* rows) {
  const int64_t width = tile.width, padded = tile.padded_rows;
  Scratch scratch;
  float* row = scratch.take<float>(width);
  for (int64_t r = 0; r < padded; ++r) {
    std::fill(row, row + width, 0.0f);
    if (r < tile.tile->rows) {
      const char* from = source.row(tile.tile->row + r) + tile.tile->query_head * head_dim * byte_size(source.dtype);
      float_kernels().convert(from, source.dtype, reinterpret_cast<char*>(row), DType::F32, head_dim);
    }
    for (int64_t i = 0; i < width; i += kPanel) std::memcpy(rows + (i * padded + r * kPanel), row + i, kPanel * 4);
    float* column = panels + r / kPanel * kPanel * width + r % kPanel;
    for (int64_t i = 0; i < width; ++i) column[i * kPanel] = row[i];
  }
}

void pack_tile(const AttentionBackward& backward, const BackwardTile& tile) {
  row_statistics(backward, tile);
  const PackedTile<float> packed(tile);
  const int64_t head_dim = backward.forward.head_dim;
  pack_rows(backward.forward.query, tile, head_dim, packed.query_panels, packed.query_rows);
  pack_rows(backward.output_gradient, tile, head_dim, packed.gradient_panels, packed.gradient_rows);
}

void step(const BackwardTile& tile, const BackwardKeys& keys, const ScoreFactors& factors, const BackwardStep& step) {
  // Scores and products of 32 keys [32][rows], and score gradients of the whole step [squares][keys][32].
  Scratch scratch;
  float* scores = scratch.take<float>(kPanel * kBackwardRows);
  float* products = scratch.take<float>(kPanel * kBackwardRows);
  // Weights replace the scores, and their gradients the products.
  const StepBuffers<float> buffers{scores, products, scores, products, scratch.take<float>(step.keys * kBackwardRows)};
  backward_step(tile, keys, factors, step, buffers, float_kernels().multiply_panel_f32,
                [](const StepBuffers<float>& work, float* panel, const RowStatistics& statistics, const SquareOfKeys& square) {
                  gradient_kernels().attention(work.scores + square.row, work.products + square.row, kBackwardRows, panel,
                                               statistics.log_sum_exp + square.row, statistics.delta + square.row, square.factors,
                                               square.mask);
                });
}

}  // namespace

const BackwardKernel& generic_backward_kernel() {
  static constexpr BackwardKernel kernel = {4, pack_keys, packed_tile_bytes<float>, pack_tile, step};
  return kernel;
}

}  // namespace elastic
