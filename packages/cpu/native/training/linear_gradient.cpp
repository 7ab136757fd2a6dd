// Products with a packed weight from its other side: a panel's squares of 32 outputs by 32 inputs are transposed, for some
// inputs at a time, into a weight whose outputs are the inputs; next to the product that costs little.
#include <algorithm>
#include <cstring>

#include "core/scratch.h"
#include "core/thread_pool.h"
#include "gemm/multiply.h"
#include "training/training_operations.h"

namespace elastic {
namespace {

constexpr int64_t kSquare = 32;
static_assert(kPanel == kSquare && kTileDepth == kSquare);
/** Bytes of transposed panels at a time; as many as there are in weights of usual size, since inputs are packed each time. */
constexpr int64_t kTransposedBytes = int64_t{64} << 20;

/** One square of a bf16 panel: [2][16 pairs of inputs][16 outputs][2] becomes [2][16 pairs of outputs][16 inputs][2]. */
void transpose_square(const uint16_t* source, uint16_t* target) {
  alignas(64) uint16_t square[kSquare][kSquare];  // [output][input]
  for (int64_t half = 0; half < 2; ++half) {
    for (int64_t pair = 0; pair < 16; ++pair) {
      const uint16_t* row = source + half * 512 + pair * 32;
      for (int64_t output = 0; output < 16; ++output) std::memcpy(&square[half * 16 + output][2 * pair], row + 2 * output, 4);
    }
  }
  for (int64_t half = 0; half < 2; ++half) {
    for (int64_t pair = 0; pair < 16; ++pair) {
      uint32_t words[16];
      for (int64_t input = 0; input < 16; ++input) {
        const uint32_t even = square[2 * pair][half * 16 + input], odd = square[2 * pair + 1][half * 16 + input];
        words[input] = even | odd << 16;
      }
      std::memcpy(target + half * 512 + pair * 32, words, sizeof words);
    }
  }
}

/** One square of an f32 panel, inputs behind the last zero. */
void transpose_square(const float* source, int64_t inputs, int64_t outputs, float* target) {
  for (int64_t output = 0; output < outputs; ++output) {
    for (int64_t input = 0; input < kSquare; ++input) {
      target[output * kSquare + input] = input < inputs ? source[input * kSquare + output] : 0.0f;
    }
  }
}

/** Panel `index` of the transposed weight. */
void transpose_panel(const PackedWeight& weight, int64_t index, const PackedWeight& transposed, char* target) {
  const int64_t squares = (weight.outputs + kSquare - 1) / kSquare;
  for (int64_t square = 0; square < squares; ++square) {
    if (weight.dtype == DType::BF16) {
      const auto* source = reinterpret_cast<const uint16_t*>(weight.panel(square)) + index * 1024;
      transpose_square(source, reinterpret_cast<uint16_t*>(target) + square * 1024);
    } else {
      const auto* source = reinterpret_cast<const float*>(weight.panel(square)) + index * 1024;
      const int64_t outputs = std::min(kSquare, transposed.depth() - square * kSquare);
      transpose_square(source, std::min(kSquare, weight.inputs - index * kSquare), outputs,
                       reinterpret_cast<float*>(target) + square * 1024);
    }
  }
}

}  // namespace

void backend::linear_input_gradient(const Matrix& output_gradient, const WeightArgument& argument,
                                    const Matrix& input_gradient, bool accumulate) {
  const PackedWeight weight{argument.data, argument.outputs, argument.inputs, argument.dtype};
  if (weight.outputs == 0) {
    const auto bytes = static_cast<std::size_t>(accumulate ? 0 : weight.inputs * byte_size(input_gradient.dtype));
    for (int64_t row = 0; row < input_gradient.rows; ++row) std::memset(input_gradient.row(row), 0, bytes);
    return;
  }
  PackedWeight transposed{nullptr, weight.inputs, weight.outputs, weight.dtype};
  const int64_t panels = transposed.panels(), panel_bytes = transposed.panel_bytes();
  const int64_t group = std::clamp<int64_t>(kTransposedBytes / std::max<int64_t>(1, panel_bytes), 1, panels);
  Scratch scratch;
  transposed.data = scratch.take<char>(group * panel_bytes);
  for (int64_t first = 0; first < panels; first += group) {
    const int64_t count = std::min(group, panels - first), column = first * kPanel;
    parallel_rows(count, 4, [&](int64_t start, int64_t end) {
      for (int64_t i = start; i < end; ++i) transpose_panel(weight, first + i, transposed, transposed.data + i * panel_bytes);
    });
    transposed.outputs = std::min(count * kPanel, weight.inputs - column);
    Matrix part = input_gradient;
    part.data += column * byte_size(part.dtype);
    part.columns = transposed.outputs;
    multiply(Product{output_gradient, transposed, nullptr, part, accumulate});
  }
}

}  // namespace elastic
