#include "blocks/multiply_blocks.h"

#include <algorithm>

#include "core/execution.h"
#include "core/row_tasks.h"
#include "core/scratch.h"
#include "core/thread_pool.h"
#include "gemm/multiply.h"

namespace elastic {
namespace {

/** Rows up to which integer products are as fast as AMX's tiles of bf16, which read widened weights where there are no tiles of int8. */
constexpr int64_t kFewIntegerRows = 8;
/** Rows that are rounded at a time, and those of one task. */
constexpr int64_t kRoundedRows = 768, kRowBlock = 48;
/** Bytes of widened panels at a time: they stay in the caches until the product has read them. */
constexpr int64_t kWidenedBytes = int64_t{2} << 20;

#if defined(__x86_64__)
bool tiles_of_bytes() {
  static const bool there = amx_multiplies_bytes();
  return there;
}
#endif

BlockProduct product_of([[maybe_unused]] InstructionSet level) {
#if defined(__x86_64__)
  static const bool vnni = avx512_multiplies_bytes();
  if (level == InstructionSet::Amx && vnni && tiles_of_bytes()) return multiply_blocks_amx;
  if (level >= InstructionSet::Avx512 && vnni) return multiply_blocks_avx512_vnni;
  if (level == InstructionSet::AvxVnni) return multiply_blocks_avx_vnni;
  if (level >= InstructionSet::Avx2) return multiply_blocks_avx2;
#elif defined(__aarch64__)
  if (level >= InstructionSet::NeonDot) return multiply_blocks_dot;
#endif
  return multiply_blocks_plain;
}

/** Whether any number of rows is multiplied as integers: the same sums for a row alone and among others. */
bool multiplies_integers([[maybe_unused]] int64_t rows) {
#if defined(__x86_64__)
  return rows <= kFewIntegerRows || instruction_set() != InstructionSet::Amx || tiles_of_bytes();
#else
  return true;
#endif
}

RoundedRows round_rows(const Matrix& input, int64_t start, int64_t count, Scratch& scratch) {
  const FloatKernels& kernels = float_kernels();
  const int64_t inputs = input.columns, blocks = count * (inputs / kBlock);
  const RoundedRows rows{scratch.take<int8_t>(count * inputs), scratch.take<float>(blocks), scratch.take<float>(blocks),
                         scratch.take<int32_t>(blocks), scratch.take<int32_t>(2 * blocks), inputs};
  parallel_rows(count, rows_per_task(inputs), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) kernels.round_blocks(input.row(start + row), input.dtype, rows.from(row));
  });
  return rows;
}

/** Calls fn(part, panel) for the panels [first, last) of a weight, counted through its parts. */
template <typename Function>
void for_panels(const BlockWeight& weight, int64_t first, int64_t last, const Function& fn) {
  int64_t before = 0;
  for (const BlockPart& part : weight.parts) {
    const int64_t panels = part.panels();
    for (int64_t panel = std::max<int64_t>(0, first - before); panel < std::min(panels, last - before); ++panel) fn(part, panel);
    before += panels;
  }
}

void multiply_integers(const Matrix& input, const BlockWeight& weight, const float* bias, const Matrix& output, bool accumulate,
                       int64_t start, int64_t count) {
  const FloatKernels& kernels = float_kernels();
  const BlockProduct multiply_panel = product_of(instruction_set());
  Scratch scratch;
  const RoundedRows rounded = round_rows(input, start, count, scratch);
  const int64_t panels = weight.panels(), row_blocks = (count + kRowBlock - 1) / kRowBlock;
  const int64_t groups = std::min(panels, std::max<int64_t>(1, 8 * current_execution().threads / row_blocks));
  parallel_for(row_blocks * groups, [&](int64_t task) {
    const int64_t group = task % groups, first = task / groups * kRowBlock, rows = std::min(kRowBlock, count - first);
    Scratch own;
    float* sums = own.take<float>(rows * kPanel);
    for_panels(weight, panels * group / groups, panels * (group + 1) / groups, [&](const BlockPart& part, int64_t panel) {
      const int64_t column = part.first_output + panel * kPanel, n = std::min(kPanel, part.outputs - panel * kPanel);
      multiply_panel(rounded.from(first), rows, part.panel(panel), part.format, sums);
      for (int64_t row = 0; row < rows; ++row) {
        char* out = output.row(start + first + row) + column * byte_size(output.dtype);
        kernels.finish_row(sums + row * kPanel, bias == nullptr ? nullptr : bias + column, out, output.dtype, accumulate, n);
      }
    });
  });
}

/** By the tiles of AMX: groups of panels as bf16. */
void multiply_widened(const Matrix& input, const BlockPart& part, const float* bias, const Matrix& output, bool accumulate) {
  const FloatKernels& kernels = float_kernels();
  PackedWeight widened{nullptr, 0, part.inputs, DType::BF16};
  const int64_t panels = part.panels(), group = std::clamp<int64_t>(kWidenedBytes / std::max<int64_t>(1, widened.panel_bytes()), 1, std::max<int64_t>(1, panels));
  Scratch scratch;
  widened.data = scratch.take<char>(group * widened.panel_bytes());
  for (int64_t first = 0; first < panels; first += group) {
    const int64_t count = std::min(group, panels - first), column = part.first_output + first * kPanel;
    parallel_for(count, [&](int64_t i) {
      kernels.widen_blocks_bf16(part.panel(first + i), part.format, part.inputs / kBlock, widened.data + i * widened.panel_bytes());
    });
    widened.outputs = std::min(count * kPanel, part.outputs - first * kPanel);
    Matrix columns = output;
    columns.data += column * byte_size(output.dtype);
    columns.columns = widened.outputs;
    multiply(Product{input, widened, bias == nullptr ? nullptr : bias + column, columns, accumulate});
  }
}

}  // namespace

void multiply_blocks(const Matrix& input, const BlockWeight& weight, const float* bias, const Matrix& output, bool accumulate) {
  if (!multiplies_integers(input.rows)) {
    for (const BlockPart& part : weight.parts) multiply_widened(input, part, bias, output, accumulate);
    return;
  }
  for (int64_t start = 0; start < input.rows; start += kRoundedRows) {
    multiply_integers(input, weight, bias, output, accumulate, start, std::min(kRoundedRows, input.rows - start));
  }
}

}  // namespace elastic
