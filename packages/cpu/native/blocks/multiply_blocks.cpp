#include "blocks/multiply_blocks.h"

#include <algorithm>
#include <cmath>

#include "core/execution.h"
#include "core/scratch.h"
#include "core/thread_pool.h"
#include "gemm/multiply.h"

namespace elastic {
namespace {

/** Rows up to which integer products, which read the weight as it is, are faster than widening it. */
constexpr int64_t kIntegerRows = 8;
/** Bytes of widened panels at a time: they stay in the caches until the product has read them. */
constexpr int64_t kWidenedBytes = int64_t{2} << 20;

BlockProduct product_of([[maybe_unused]] InstructionSet level) {
#if defined(__x86_64__)
  static const bool vnni = __builtin_cpu_supports("avx512vnni");
  if (level >= InstructionSet::Avx512 && vnni) return multiply_blocks_vnni;
  if (level >= InstructionSet::Avx2) return multiply_blocks_avx2;
#endif
  return multiply_blocks_plain;
}

RoundedRow take_row(int64_t inputs, Scratch& scratch) {
  const int64_t blocks = inputs / kBlock;
  return {scratch.take<int8_t>(inputs), scratch.take<float>(blocks), scratch.take<int32_t>(2 * blocks)};
}

/** Rounds to the nearest of 127 steps of a block's largest magnitude; a block that is not finite gets NaN as its scale. */
void round_row(const float* values, int64_t inputs, const RoundedRow& row) {
  for (int64_t block = 0; block < inputs / kBlock; ++block) {
    const float* x = values + block * kBlock;
    float largest = 0, nothing = 0;
    for (int64_t i = 0; i < kBlock; ++i) {
      largest = std::max(largest, std::fabs(x[i]));
      nothing += x[i] * 0.0f;
    }
    const bool usable = nothing == 0 && largest > 0;
    const float inverse = usable ? 127.0f / largest : 0.0f;
    row.scales[block] = nothing == 0 ? largest / 127.0f : NAN;
    for (int64_t half = 0; half < 2; ++half) {
      int32_t sum = 0;
      for (int64_t i = half * 16; i < half * 16 + 16; ++i) {
        const auto value = usable ? static_cast<int32_t>(std::nearbyint(x[i] * inverse)) : 0;
        row.values[block * kBlock + i] = static_cast<int8_t>(value);
        sum += value;
      }
      row.sums[2 * block + half] = sum;
    }
  }
}

void multiply_integers(const Matrix& input, const BlockWeight& weight, const float* bias, const Matrix& output, bool accumulate) {
  const FloatKernels& kernels = float_kernels();
  const BlockProduct multiply_panel = product_of(instruction_set());
  const int64_t rows = input.rows, panels = weight.panels();
  Scratch scratch;
  RoundedRow rounded[kIntegerRows];
  float* values = scratch.take<float>(weight.inputs);
  for (int64_t row = 0; row < rows; ++row) {
    rounded[row] = take_row(weight.inputs, scratch);
    kernels.convert(input.row(row), input.dtype, reinterpret_cast<char*>(values), DType::F32, weight.inputs);
    round_row(values, weight.inputs, rounded[row]);
  }
  const int64_t groups = std::min(panels, int64_t{8} * current_execution().threads);
  parallel_for(groups, [&](int64_t group) {
    alignas(64) float sums[kPanel];
    for (int64_t panel = panels * group / groups; panel < panels * (group + 1) / groups; ++panel) {
      const int64_t column = panel * kPanel, n = std::min(kPanel, weight.outputs - column);
      for (int64_t row = 0; row < rows; ++row) {
        multiply_panel(rounded[row], weight.panel(panel), weight.layout, weight.blocks(), sums);
        char* out = output.row(row) + column * byte_size(output.dtype);
        kernels.finish_row(sums, bias == nullptr ? nullptr : bias + column, out, output.dtype, accumulate, n);
      }
    }
  });
}

void multiply_widened(const Matrix& input, const BlockWeight& weight, const float* bias, const Matrix& output, bool accumulate) {
  const FloatKernels& kernels = float_kernels();
  // Levels with products of bf16 round widened weights to it, the others take them in float32.
  const bool bf16 = instruction_set() >= InstructionSet::Avx512Bf16;
  PackedWeight part{nullptr, 0, weight.inputs, bf16 ? DType::BF16 : DType::F32};
  const int64_t panels = weight.panels(), group = std::clamp<int64_t>(kWidenedBytes / std::max<int64_t>(1, part.panel_bytes()), 1, panels);
  Scratch scratch;
  part.data = scratch.take<char>(group * part.panel_bytes());
  for (int64_t first = 0; first < panels; first += group) {
    const int64_t count = std::min(group, panels - first), column = first * kPanel;
    parallel_for(count, [&](int64_t i) {
      const auto widen = bf16 ? kernels.widen_blocks_bf16 : kernels.widen_blocks;
      widen(weight.panel(first + i), weight.layout, weight.blocks(), part.data + i * part.panel_bytes());
    });
    part.outputs = std::min(count * kPanel, weight.outputs - column);
    Matrix columns = output;
    columns.data += column * byte_size(output.dtype);
    columns.columns = part.outputs;
    multiply(Product{input, part, bias == nullptr ? nullptr : bias + column, columns, accumulate});
  }
}

}  // namespace

void multiply_blocks(const Matrix& input, const BlockWeight& weight, const float* bias, const Matrix& output, bool accumulate) {
  if (input.rows <= kIntegerRows) return multiply_integers(input, weight, bias, output, accumulate);
  multiply_widened(input, weight, bias, output, accumulate);
}

}  // namespace elastic
