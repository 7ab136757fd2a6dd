#include "gemm/multiply.h"

#include <algorithm>
#include <cstring>

#include "core/instruction_set.h"
#include "core/scratch.h"
#include "core/thread_pool.h"

namespace elastic {
namespace {

/** Rows that one task multiplies with a group of panels. */
constexpr int64_t kRowBlock = 48;
/** Rows whose inputs are widened at a time. */
constexpr int64_t kWidenedRows = 768;

/** Inputs of some rows as floats, rounded to the weight's dtype, padded with zeros to its depth. */
const float* widen(const Product& product, int64_t start, int64_t end, Scratch& scratch, int64_t* stride) {
  const Matrix& input = product.input;
  const int64_t inputs = product.weight.inputs, depth = product.weight.depth();
  if (input.dtype == DType::F32 && product.weight.dtype == DType::F32) {
    *stride = input.row_stride;
    return input.floats(start);
  }
  *stride = depth;
  float* wide = scratch.take<float>((end - start) * depth);
  const FloatKernels& kernels = float_kernels();
  parallel_rows(end - start, 16, [&](int64_t first, int64_t last) {
    Scratch own;
    char* rounded = own.take<char>(inputs * 2);
    for (int64_t row = first; row < last; ++row) {
      float* target = wide + row * depth;
      const char* source = input.row(start + row);
      DType dtype = input.dtype;
      if (dtype != product.weight.dtype && product.weight.dtype == DType::BF16) {
        kernels.convert(source, dtype, rounded, DType::BF16, inputs);
        source = rounded;
        dtype = DType::BF16;
      }
      kernels.convert(source, dtype, reinterpret_cast<char*>(target), DType::F32, inputs);
      std::fill(target + inputs, target + depth, 0.0f);
    }
  });
  return wide;
}

void multiply_rows(const Product& product, int64_t start, int64_t end) {
  const PackedWeight& weight = product.weight;
  const FloatKernels& kernels = float_kernels();
  int64_t stride = 0;
  Scratch scratch;
  const float* wide = widen(product, start, end, scratch, &stride);
  const int64_t row_blocks = (end - start + kRowBlock - 1) / kRowBlock;
  const int64_t groups = std::min(weight.panels(), std::max<int64_t>(1, 8 * current_execution().threads / row_blocks));
  parallel_for(row_blocks * groups, [&](int64_t task) {
    const int64_t group = task % groups;
    const int64_t first = start + task / groups * kRowBlock, last = std::min(first + kRowBlock, end);
    alignas(64) float sums[kRowBlock * kPanel];
    for (int64_t panel = weight.panels() * group / groups; panel < weight.panels() * (group + 1) / groups; ++panel) {
      const float* a = wide + (first - start) * stride;
      if (weight.dtype == DType::BF16) {
        const auto* data = reinterpret_cast<const uint16_t*>(weight.panel(panel));
        kernels.multiply_panel_bf16(a, stride, last - first, data, weight.depth(), sums, kPanel);
      } else {
        const auto* data = reinterpret_cast<const float*>(weight.panel(panel));
        kernels.multiply_panel_f32(a, stride, last - first, data, weight.depth(), sums, kPanel, false);
      }
      const int64_t column = panel * kPanel, n = std::min(kPanel, weight.outputs - column);
      const float* bias = product.bias == nullptr ? nullptr : product.bias + column;
      for (int64_t row = first; row < last; ++row) {
        char* out = product.output.row(row) + column * byte_size(product.output.dtype);
        kernels.finish_row(sums + (row - first) * kPanel, bias, out, product.output.dtype, product.accumulate, n);
      }
    }
  });
}

}  // namespace

void multiply(const Product& product) {
  const int64_t rows = product.input.rows;
#if defined(__x86_64__)
  if (product.weight.dtype == DType::BF16) {
    const InstructionSet level = instruction_set();
    if (level == InstructionSet::Amx && rows > kFewRows) return multiply_amx(product);
    if (level >= InstructionSet::Avx512Bf16) return multiply_bf16(product);
  }
#endif
  for (int64_t start = 0; start < rows; start += kWidenedRows) {
    multiply_rows(product, start, std::min(start + kWidenedRows, rows));
  }
}

}  // namespace elastic
