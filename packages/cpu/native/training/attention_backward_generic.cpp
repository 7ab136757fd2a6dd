// Attention's backward by the float kernels of any instruction set, everything widened to float32.
#include <algorithm>
#include <cstring>

#include "core/host_memory.h"
#include "floats/gradient_table.h"
#include "floats/kernel_table.h"
#include "training/attention_backward.h"

namespace elastic {
namespace {

constexpr float kLog2E = 1.44269504f;
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

/**
 * A tile: its statistics, then queries and output gradients as panels of 32 rows [squares][width][32] for products with
 * keys, and as panels of 32 elements [width / 32][rows][32] for products with weights.
 */
struct PackedTile {
  float* query_panels;
  float* gradient_panels;
  float* query_rows;
  float* gradient_rows;

  explicit PackedTile(const BackwardTile& tile) {
    const int64_t size = tile.padded_rows * tile.width;
    query_panels = floats(tile.packed + sizeof(RowStatistics));
    gradient_panels = query_panels + size;
    query_rows = gradient_panels + size;
    gradient_rows = query_rows + size;
  }
};

int64_t tile_bytes(int64_t padded_rows, int64_t width) {
  return static_cast<int64_t>(sizeof(RowStatistics)) + 4 * padded_rows * width * 4;
}

void pack_rows(const Matrix& source, const BackwardTile& tile, int64_t head_dim, float* panels, float* rows) {
  const int64_t width = tile.width, padded = tile.padded_rows;
  auto* row = floats(thread_scratch(5, static_cast<std::size_t>(width * 4)));
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
  const PackedTile packed(tile);
  const int64_t head_dim = backward.forward.head_dim;
  pack_rows(backward.forward.query, tile, head_dim, packed.query_panels, packed.query_rows);
  pack_rows(backward.output_gradient, tile, head_dim, packed.gradient_panels, packed.gradient_rows);
}

void step(const BackwardTile& tile, const BackwardKeys& keys, float scale, const BackwardStep& step) {
  const FloatKernels& kernels = float_kernels();
  const int64_t width = tile.width, padded = tile.padded_rows, squares = padded / kPanel;
  const PackedTile packed(tile);
  const auto& statistics = *reinterpret_cast<const RowStatistics*>(tile.packed);
  // Scores and products of 32 keys [32][rows], and score gradients of the whole step [squares][keys][32].
  auto* scores = floats(thread_scratch(5, static_cast<std::size_t>((2 * kPanel + step.keys) * kBackwardRows * 4)));
  float* products = scores + kPanel * kBackwardRows;
  float* panels = products + kPanel * kBackwardRows;
  for (int64_t block = 0; block < step.keys; block += kPanel) {
    const int64_t key = step.start + block, first = first_square(*tile.tile, key);
    const float* key_rows = floats(keys.keys) + key * width;
    const float* value_rows = floats(keys.values) + key * width;
    for (int64_t square = first; square < squares; ++square) {
      const int64_t row = square * kPanel;
      kernels.multiply_panel_f32(key_rows, width, kPanel, packed.query_panels + row * width, width, scores + row,
                                 kBackwardRows, false);
      kernels.multiply_panel_f32(value_rows, width, kPanel, packed.gradient_panels + row * width, width, products + row,
                                 kBackwardRows, false);
      gradient_kernels().attention(scores + row, products + row, kBackwardRows, panels + (square * step.keys + block) * kPanel,
                                   statistics.log_sum_exp + row, statistics.delta + row, scale * kLog2E, step.low - key,
                                   step.high - key, tile.tile->position + row - key);
    }
    const int64_t row = first * kPanel, depth = padded - row;
    if (depth <= 0) continue;
    for (int64_t i = 0; i < width; i += kPanel) {
      kernels.multiply_panel_f32(scores + row, kBackwardRows, kPanel, packed.gradient_rows + i * padded + row * kPanel, depth,
                                 step.value_gradients + block * width + i, width, true);
      kernels.multiply_panel_f32(products + row, kBackwardRows, kPanel, packed.query_rows + i * padded + row * kPanel, depth,
                                 step.key_gradients + block * width + i, width, true);
    }
  }
  const int64_t in_group = step.start % kBackwardKeys;
  const float* columns = floats(keys.key_columns) + (step.start - in_group) * width + in_group;
  for (int64_t square = 0; square < squares; ++square) {
    // Squares of keys behind the last row of this square of rows were not computed.
    const int64_t seen = tile.tile->position + (square + 1) * kPanel - step.start;
    const int64_t depth = std::clamp<int64_t>((seen + kPanel - 1) / kPanel * kPanel, 0, step.keys);
    if (depth == 0) continue;
    for (int64_t i = 0; i < width; i += kPanel) {
      kernels.multiply_panel_f32(columns + i * kBackwardKeys, kBackwardKeys, kPanel, panels + square * step.keys * kPanel, depth,
                                 step.query_gradient + i * padded + square * kPanel, padded, true);
    }
  }
}

}  // namespace

const BackwardKernel& generic_backward_kernel() {
  static constexpr BackwardKernel kernel = {4, pack_keys, tile_bytes, pack_tile, step};
  return kernel;
}

}  // namespace elastic
