#include "gemm/multiply.h"

#include <algorithm>
#include <cstring>

#include "core/instruction_set.h"
#include "core/scratch.h"
#include "core/thread_pool.h"

namespace elastic {
namespace {

/** Rows whose inputs are widened at a time. */
constexpr int64_t kWidenedRows = 768;
/** Rows that share a panel, and those that share a widened one. */
constexpr int64_t kRowBlock = 48, kWideningBlock = 96;
/** Inputs of one pass: the widened panel of a pass and a few rows fill a first-level cache. */
constexpr int64_t kPassDepth = 256;
/** Rows that read panels straight from memory, several panels a task. */
constexpr int64_t kStreamedRows = 4;
/** Behind each widened row: rows at a power of two apart would share cache sets. */
constexpr int64_t kRowGap = 16;

bool shares_cache_sets(const Matrix& input) { return input.rows > 1 && input.row_stride * 4 % 4096 == 0; }

/** Inputs of some rows as floats, rounded to the weight's dtype, padded with zeros to its depth. */
const float* widen(const Product& product, int64_t start, int64_t end, Scratch& scratch, int64_t* stride) {
  const Matrix& input = product.input;
  const int64_t inputs = product.weight.inputs, depth = product.weight.depth();
  if (input.dtype == DType::F32 && product.weight.dtype == DType::F32 && !shares_cache_sets(input)) {
    *stride = input.row_stride;
    return input.floats(start);
  }
  *stride = depth + kRowGap;
  float* wide = scratch.take<float>((end - start) * *stride);
  const FloatKernels& kernels = float_kernels();
  parallel_rows(end - start, 16, [&](int64_t first, int64_t last) {
    Scratch own;
    char* rounded = own.take<char>(inputs * 2);
    for (int64_t row = first; row < last; ++row) {
      float* target = wide + row * *stride;
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

/** Rounds and writes the sums of some rows, one panel's columns. */
void finish_panel(const Product& product, const float* sums, int64_t sum_stride, int64_t first, int64_t last, int64_t panel) {
  const FloatKernels& kernels = float_kernels();
  const int64_t column = panel * kPanel, n = std::min(kPanel, product.weight.outputs - column);
  const float* bias = product.bias == nullptr ? nullptr : product.bias + column;
  for (int64_t row = first; row < last; ++row, sums += sum_stride) {
    char* out = product.output.row(row) + column * byte_size(product.output.dtype);
    kernels.finish_row(sums, bias, out, product.output.dtype, product.accumulate, n);
  }
}

/** Few rows read every panel once, straight from memory. */
void multiply_few(const Product& product) {
  const PackedWeight& weight = product.weight;
  const FloatKernels& kernels = float_kernels();
  const int64_t rows = product.input.rows, panels = weight.panels();
  int64_t stride = 0;
  Scratch scratch;
  const float* wide = widen(product, 0, rows, scratch, &stride);
  // Whole pairs of panels, which a single row takes at a time.
  const int64_t pairs = (panels + 1) / 2, groups = std::min(pairs, int64_t{8} * current_execution().threads);
  parallel_for(groups, [&](int64_t group) {
    constexpr int64_t kSumPanels = 8;
    const int64_t last = std::min(panels, pairs * (group + 1) / groups * 2);
    Scratch own;
    float* sums = own.take<float>(rows * kSumPanels * kPanel);
    for (int64_t panel = pairs * group / groups * 2; panel < last; panel += kSumPanels) {
      const int64_t count = std::min(kSumPanels, last - panel), width = count * kPanel;
      if (weight.dtype == DType::BF16) {
        const auto* data = reinterpret_cast<const uint16_t*>(weight.panel(panel));
        kernels.multiply_panels_bf16(wide, stride, rows, data, weight.panel_bytes() / 2, count, weight.depth(), sums, width);
      }
      for (int64_t i = 0; i < count; ++i) {
        if (weight.dtype == DType::F32) {
          const auto* data = reinterpret_cast<const float*>(weight.panel(panel + i));
          kernels.multiply_panel_f32(wide, stride, rows, data, weight.depth(), sums + i * kPanel, width, false);
        }
        finish_panel(product, sums + i * kPanel, width, 0, rows, panel + i);
      }
    }
  });
}

/** One panel by a block of rows, pass by pass; `widened` has room for a pass, or is null. */
void multiply_block(const Product& product, const float* a, int64_t stride, int64_t rows, int64_t panel, float* widened, float* sums) {
  const PackedWeight& weight = product.weight;
  const FloatKernels& kernels = float_kernels();
  if (weight.dtype == DType::BF16 && widened == nullptr) {
    const auto* data = reinterpret_cast<const uint16_t*>(weight.panel(panel));
    return kernels.multiply_panels_bf16(a, stride, rows, data, 0, 1, weight.depth(), sums, kPanel);
  }
  for (int64_t k = 0; k < weight.depth(); k += kPassDepth) {
    const int64_t depth = std::min(kPassDepth, weight.depth() - k);
    const float* values = reinterpret_cast<const float*>(weight.panel(panel)) + k * kPanel;
    if (weight.dtype == DType::BF16) {
      kernels.widen_panel_bf16(reinterpret_cast<const uint16_t*>(weight.panel(panel)) + k * kPanel, depth, widened);
      values = widened;
    }
    kernels.multiply_panel_f32(a + k, stride, rows, values, depth, sums, kPanel, k > 0);
  }
}

void multiply_rows(const Product& product, int64_t start, int64_t end) {
  const PackedWeight& weight = product.weight;
  int64_t stride = 0;
  Scratch scratch;
  const float* wide = widen(product, start, end, scratch, &stride);
  const bool widens = weight.dtype == DType::BF16 && end - start >= float_kernels().widening_rows;
  const int64_t block = widens ? kWideningBlock : kRowBlock, row_blocks = (end - start + block - 1) / block;
  const int64_t groups = std::min(weight.panels(), std::max<int64_t>(1, 8 * current_execution().threads / row_blocks));
  parallel_for(row_blocks * groups, [&](int64_t task) {
    const int64_t group = task % groups;
    const int64_t first = start + task / groups * block, last = std::min(first + block, end);
    Scratch own;
    float* sums = own.take<float>(block * kPanel);
    float* widened = widens ? own.take<float>(kPassDepth * kPanel) : nullptr;
    for (int64_t panel = weight.panels() * group / groups; panel < weight.panels() * (group + 1) / groups; ++panel) {
      multiply_block(product, wide + (first - start) * stride, stride, last - first, panel, widened, sums);
      finish_panel(product, sums, kPanel, first, last, panel);
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
#elif defined(__aarch64__)
  if (product.weight.dtype == DType::BF16 && instruction_set() >= InstructionSet::NeonBf16) return multiply_bf16(product);
#endif
  if (rows <= kStreamedRows) return multiply_few(product);
  for (int64_t start = 0; start < rows; start += kWidenedRows) {
    multiply_rows(product, start, std::min(start + kWidenedRows, rows));
  }
}

}  // namespace elastic
