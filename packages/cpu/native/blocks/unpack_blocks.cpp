#include "blocks/unpack_blocks.h"

#include <vector>

#include "blocks/block_layout.h"
#include "core/row_tasks.h"
#include "floats/kernel_table.h"

namespace elastic {
namespace {

double half_value(uint16_t half) {
  float value;
  float_kernels().convert(reinterpret_cast<const char*>(&half), DType::F16, reinterpret_cast<char*>(&value), DType::F32, 1);
  return value;
}

/** In double, where a product with small integers and its sum with a minimum are as exact as the formats define them. */
void block_values(const DecodedBlock& block, const BlockLayout& layout, float* out) {
  double scales[2] = {half_value(block.scale), half_value(block.scale)}, minimum = half_value(block.minimum);
  if (layout.grouped) {
    scales[0] *= layout.sixteens ? static_cast<int8_t>(block.factors[0]) : block.factors[0];
    scales[1] *= layout.sixteens ? static_cast<int8_t>(block.factors[1]) : block.factors[0];
    minimum *= block.factors[1];
  }
  for (int i = 0; i < 32; ++i) {
    const double product = scales[i / 16] * (block.integers[i] - layout.offset);
    // Adding nothing would take the sign of a zero away.
    out[i] = static_cast<float>(layout.minimums ? product + minimum : product);
  }
}

}  // namespace

void unpack_blocks(const BlockSource& source, const Matrix& output) {
  const BlockLayout layout = layout_of(source.format);
  parallel_rows(output.rows, rows_per_task(output.columns), [&](int64_t first, int64_t last) {
    std::vector<float> values(static_cast<std::size_t>(output.columns));
    for (int64_t row = first; row < last; ++row) {
      const auto* bytes = reinterpret_cast<const uint8_t*>(source.bytes.row(row));
      for (int64_t input = 0; input < output.columns; input += kBlock) {
        DecodedBlock block;
        decode_block(source.format, bytes, input, block);
        block_values(block, layout, values.data() + input);
      }
      float_kernels().convert(reinterpret_cast<const char*>(values.data()), DType::F32, output.row(row), output.dtype, output.columns);
    }
  });
}

}  // namespace elastic
