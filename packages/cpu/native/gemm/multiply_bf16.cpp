// The blocked product over bf16 dot products: a block of rows stays in the second-level cache.
#include "gemm/multiply.h"

#if defined(__x86_64__) || defined(__aarch64__)
#include "core/scratch.h"
#include "core/thread_pool.h"
#include "floats/finish_row.h"
#include "gemm/panel_product.h"

namespace elastic {
namespace {

/** Rows of one task: whole groups of 12, the rows that fit in the registers. */
constexpr int64_t kBlockRows = 516;
/** Panels of one task. */
constexpr int64_t kBlockPanels = 2;
/** Inputs of one pass. */
constexpr int64_t kPassDepth = 1024;
/** Rows whose inputs are copied at a time. */
constexpr int64_t kCopiedRows = 3072;
/** Behind each row of a chunk: rows at a power of two apart would share cache sets. */
constexpr int64_t kRowGap = 32;

int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/**
 * bf16 inputs as the panels' kernel reads them: where they lie, or copied into chunks [pass][row][pass depth + gap], rounded,
 * with zeros behind the last input.
 */
struct Inputs {
  uint16_t* data;
  int64_t rows;
  int64_t depth;
  /** Elements between rows of inputs that are read where they lie; 0 for chunks. */
  int64_t direct_stride;

  int64_t pass_depth(int64_t start) const { return smaller(kPassDepth, depth - start); }
  int64_t stride(int64_t start) const { return direct_stride > 0 ? direct_stride : pass_depth(start) + kRowGap; }
  uint16_t* at(int64_t start, int64_t row) const {
    if (direct_stride > 0) return data + row * direct_stride + start;
    return data + start / kPassDepth * rows * (kPassDepth + kRowGap) + row * stride(start);
  }
  /** Of all chunks. */
  int64_t elements() const { return (depth + kPassDepth - 1) / kPassDepth * rows * (kPassDepth + kRowGap); }
};

/** Whether rows need no copy: bf16, no padding, and not a multiple of 4 KB apart, which would share cache sets. */
bool readable(const Matrix& input) {
  return input.dtype == DType::BF16 && input.columns % kTileDepth == 0 && input.row_stride * 2 % 4096 != 0;
}

void copy_row(const Matrix& input, int64_t row, const Inputs& inputs, int64_t target_row) {
  const char* source = input.row(row);
  for (int64_t start = 0; start < inputs.depth; start += kPassDepth) {
    uint16_t* target = inputs.at(start, target_row);
    const int64_t count = inputs.pass_depth(start);
    const int64_t present = input.columns - start < count ? (input.columns > start ? input.columns - start : 0) : count;
    float_kernels().convert(source + start * byte_size(input.dtype), input.dtype, reinterpret_cast<char*>(target),
                            DType::BF16, present);
    for (int64_t i = present; i < count; ++i) target[i] = 0;
  }
}

struct Task {
  int64_t first_row, last_row, first_panel, last_panel;
};

void multiply_task(const Product& product, const Inputs& inputs, int64_t start, const Task& task) {
  const PackedWeight& weight = product.weight;
  const int64_t rows = task.last_row - task.first_row, panels = task.last_panel - task.first_panel;
  Scratch scratch;
  float* sums = scratch.take<float>(rows * panels * kPanel);
  for (int64_t k = 0; k < inputs.depth; k += kPassDepth) {
    const int64_t depth = inputs.pass_depth(k);
    for (int64_t panel = 0; panel < panels; ++panel) {
      const auto* data = reinterpret_cast<const uint16_t*>(weight.panel(task.first_panel + panel)) + k * kPanel;
      float* sum = sums + panel * rows * kPanel;
      multiply_panel_dot(inputs.at(k, task.first_row), inputs.stride(k), rows, data, depth, sum, kPanel, k > 0);
      if (k + depth < inputs.depth) continue;
      const int64_t column = (task.first_panel + panel) * kPanel, n = smaller(kPanel, weight.outputs - column);
      const float* bias = product.bias == nullptr ? nullptr : product.bias + column;
      const Matrix& output = product.output;
      for (int64_t row = 0; row < rows; ++row) {
        char* out = output.row(start + task.first_row + row) + column * byte_size(output.dtype);
        finish_row(sum + row * kPanel, bias, out, output.dtype, product.accumulate, n);
      }
    }
  }
}

void multiply_rows(const Product& product, int64_t start, int64_t rows) {
  const int64_t panels = product.weight.panels(), threads = current_execution().threads;
  Inputs inputs{product.input.halves(start), rows, product.weight.depth(), product.input.row_stride};
  Scratch scratch;
  if (!readable(product.input)) {
    inputs.direct_stride = 0;
    inputs.data = scratch.take<uint16_t>(inputs.elements());
    parallel_rows(rows, 24, [&](int64_t first, int64_t last) {
      for (int64_t row = first; row < last; ++row) copy_row(product.input, start + row, inputs, row);
    });
  }
  const int64_t row_blocks = (rows + kBlockRows - 1) / kBlockRows;
  int64_t block_panels = kBlockPanels;
  const auto groups = [&] { return (panels + block_panels - 1) / block_panels; };
  while (block_panels > 1 && row_blocks * groups() < 8 * threads) block_panels /= 2;
  parallel_for(row_blocks * groups(), [&](int64_t index) {
    // Neighbouring tasks share rows, so that a chunk of inputs is read while it is in the cache.
    const int64_t row = index / groups() * kBlockRows, panel = index % groups() * block_panels;
    multiply_task(product, inputs, start,
                  {row, smaller(row + kBlockRows, rows), panel, smaller(panel + block_panels, panels)});
  });
}

}  // namespace

void multiply_bf16(const Product& product) {
  for (int64_t start = 0; start < product.input.rows; start += kCopiedRows) {
    multiply_rows(product, start, smaller(kCopiedRows, product.input.rows - start));
  }
}

}  // namespace elastic
#endif
