#include "blocks/unpack_blocks.h"

#include <vector>

#include "blocks/block_layout.h"
#include "core/row_tasks.h"
#include "floats/kernel_table.h"

namespace elastic {
namespace {

/** In double, where a product with a small integer and its sum with a minimum are as exact as the formats define them. */
void block_values(const DecodedBlock& block, float* out) {
  for (int group = 0; group < 2; ++group) {
    const double scale = block.scales[group], minimum = block.minimums[group];
    for (int i = 16 * group; i < 16 * group + 16; ++i) {
      out[i] = static_cast<float>(scale * (block.integers[i] - block.offset) - minimum);
    }
  }
}

}  // namespace

void unpack_blocks(const BlockSource& source, const Matrix& output) {
  parallel_rows(output.rows, rows_per_task(output.columns), [&](int64_t first, int64_t last) {
    std::vector<float> values(static_cast<std::size_t>(output.columns));
    for (int64_t row = first; row < last; ++row) {
      const auto* bytes = reinterpret_cast<const uint8_t*>(source.bytes.row(row));
      for (int64_t input = 0; input < output.columns; input += kBlock) {
        DecodedBlock block;
        decode_block(source.format, bytes, input, block);
        block_values(block, values.data() + input);
      }
      float_kernels().convert(reinterpret_cast<const char*>(values.data()), DType::F32, output.row(row), output.dtype, output.columns);
    }
  });
}

}  // namespace elastic
