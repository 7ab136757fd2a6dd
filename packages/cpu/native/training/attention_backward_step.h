// One step of attention's backward, the same for every element type: what differs is given by the caller.
#pragma once
#include "training/attention_backward.h"

namespace elastic {

/**
 * A tile: its statistics, then queries and output gradients as panels of 32 rows [squares][square of 32 elements] for
 * products with keys, and as panels of 32 elements [width / 32][squares][square] for products with weights.
 */
template <typename Element>
struct PackedTile {
  Element* query_panels;
  Element* gradient_panels;
  Element* query_rows;
  Element* gradient_rows;

  explicit PackedTile(const BackwardTile& tile) {
    const int64_t size = tile.padded_rows * tile.width;
    query_panels = reinterpret_cast<Element*>(tile.packed + sizeof(RowStatistics));
    gradient_panels = query_panels + size;
    query_rows = gradient_panels + size;
    gradient_rows = query_rows + size;
  }
};

template <typename Element>
int64_t packed_tile_bytes(int64_t padded_rows, int64_t width) {
  return static_cast<int64_t>(sizeof(RowStatistics)) + 4 * padded_rows * width * static_cast<int64_t>(sizeof(Element));
}

/** Buffers of one step; weights and gradients may lie where scores and products do. */
template <typename Element>
struct StepBuffers {
  /** [32 keys][kBackwardRows]. */
  float* scores;
  float* products;
  Element* weights;
  Element* gradients;
  /** [squares of rows][squares of keys][square]: score gradients, for products that sum over keys. */
  Element* panels;
};

/** One square of scores and products: its first row in the tile, and who sees what. */
struct SquareOfKeys {
  int64_t row;
  const ScoreFactors& factors;
  SquareMask mask;
};

/**
 * `multiply` is a panel product; `square_gradients(buffers, panel, statistics, square)` turns scores and products of a
 * square into weights and score gradients, and writes the latter to `panel` too.
 */
template <typename Element, typename Multiply, typename SquareGradients>
void backward_step(const BackwardTile& tile, const BackwardKeys& keys, const ScoreFactors& factors, const BackwardStep& step,
                   const StepBuffers<Element>& buffers, const Multiply& multiply, const SquareGradients& square_gradients) {
  constexpr int64_t kSide = kKeyBlock, kSquare = kSide * kSide;
  const int64_t width = tile.width, padded = tile.padded_rows, squares = padded / kSide, key_squares = step.keys / kSide;
  const PackedTile<Element> packed(tile);
  const auto& statistics = *reinterpret_cast<const RowStatistics*>(tile.packed);
  for (int64_t block = 0; block < key_squares; ++block) {
    const int64_t key = step.start + block * kSide, first = first_square(*tile.tile, key);
    const auto* key_rows = reinterpret_cast<const Element*>(keys.keys) + key * width;
    const auto* value_rows = reinterpret_cast<const Element*>(keys.values) + key * width;
    for (int64_t square = first; square < squares; ++square) {
      const int64_t row = square * kSide;
      multiply(key_rows, width, kSide, packed.query_panels + row * width, width, buffers.scores + row, kBackwardRows, false);
      multiply(value_rows, width, kSide, packed.gradient_panels + row * width, width, buffers.products + row, kBackwardRows, false);
      square_gradients(buffers, buffers.panels + (square * key_squares + block) * kSquare, statistics,
                       SquareOfKeys{row, factors, {step.low - key, step.high - key, tile.tile->position + row - key, tile.tile->window}});
    }
    const int64_t row = first * kSide, depth = padded - row;
    if (depth <= 0) continue;
    float* value_gradients = step.value_gradients + block * kSide * width;
    float* key_gradients = step.key_gradients + block * kSide * width;
    for (int64_t i = 0; i < width; i += kSide) {
      const int64_t at = (i / kSide * squares + first) * kSquare;
      multiply(buffers.weights + row, kBackwardRows, kSide, packed.gradient_rows + at, depth, value_gradients + i, width, true);
      multiply(buffers.gradients + row, kBackwardRows, kSide, packed.query_rows + at, depth, key_gradients + i, width, true);
    }
  }
  const int64_t in_group = step.start % kBackwardKeys;
  const auto* columns = reinterpret_cast<const Element*>(keys.key_columns) + (step.start - in_group) * width + in_group;
  for (int64_t square = 0; square < squares; ++square) {
    // Squares of keys behind the last row of this square of rows were not computed.
    const int64_t seen = (tile.tile->position + (square + 1) * kSide - step.start + kSide - 1) / kSide * kSide;
    const int64_t depth = seen < step.keys ? seen : step.keys;
    if (depth <= 0) continue;
    for (int64_t i = 0; i < width; i += kSide) {
      multiply(columns + i * kBackwardKeys, kBackwardKeys, kSide, buffers.panels + square * key_squares * kSquare, depth,
               step.query_gradient + i * padded + square * kSide, padded, true);
    }
  }
}

}  // namespace elastic
