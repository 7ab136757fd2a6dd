// Weights in blocks, and products with them, as JavaScript calls them.
#include "operations/block_operations.h"

#include <vector>

#include "addon/exports.h"
#include "blocks/multiply_blocks.h"
#include "blocks/pack_blocks.h"
#include "blocks/unpack_blocks.h"
#include "core/row_tasks.h"

namespace elastic {
namespace {

constexpr int64_t kLargestSide = int64_t{1} << 31;

BlockWeight read_shape(Call& call) {
  const int64_t outputs = call.integer("outputs"), inputs = call.integer("inputs"), layout = call.integer("layout");
  const bool sensible = outputs >= 0 && inputs >= 0 && outputs <= kLargestSide && inputs <= kLargestSide && inputs % kBlock == 0;
  call.require(sensible && BlockLayout::is(static_cast<int>(layout)), "a weight in blocks has a known layout and a sensible shape");
  return {nullptr, outputs, inputs, BlockLayout::of(static_cast<int>(layout))};
}

BlockWeight read_weight(Call& call) {
  const Matrix buffer = call.tensor("weight");
  BlockWeight weight = read_shape(call);
  call.require_dtype(buffer, DType::U8, "weight");
  call.require(buffer.rows == 1 && buffer.columns == weight.bytes(), "the weight's buffer has another size");
  weight.data = buffer.data;
  return weight;
}

/** Whether a layout can hold a format's integers, minimums and groups. */
bool holds(const BlockLayout& layout, BlockFormat format) {
  const bool nibbles = format == BlockFormat::Q4_0 || format == BlockFormat::Q4_1 || format == BlockFormat::Q4_K;
  const bool minimums = format == BlockFormat::Q4_1 || format == BlockFormat::Q5_1 || format == BlockFormat::Q4_K || format == BlockFormat::Q5_K;
  return (layout.bytes || nibbles) && (layout.minimums || !minimums) && (layout.halves || format != BlockFormat::Q6_K);
}

Napi::Value block_weight_bytes(const Napi::CallbackInfo& info) {
  return guarded_value(info, [&](Call& call) -> Napi::Value {
    return Napi::Number::New(info.Env(), static_cast<double>(read_shape(call).bytes()));
  });
}

void pack(Call& call) {
  const BlockWeight weight = read_weight(call);
  const int64_t count = call.integer("sources");
  std::vector<BlockSource> sources;
  int64_t outputs = 0;
  for (int64_t i = 0; i < count; ++i) {
    const Matrix bytes = call.tensor("source");
    const int64_t format = call.integer("format");
    call.require_dtype(bytes, DType::U8, "source");
    call.require(format >= 0 && format < kBlockFormats, "unknown format");
    const BlockSource source{bytes, static_cast<BlockFormat>(format)};
    const BlockSize size = block_size(source.format);
    const bool whole = weight.inputs % size.inputs == 0 && bytes.columns == weight.inputs / size.inputs * size.bytes;
    call.require(bytes.rows == 0 || whole, "a source has other inputs");
    call.require(holds(weight.layout, source.format), "the layout does not hold a source's format");
    outputs += bytes.rows;
    sources.push_back(source);
  }
  call.require(outputs == weight.outputs, "the sources have other outputs");
  call.require(pack_blocks(weight, sources), "a scale is not finite");
}

void unpack(Call& call) {
  const Matrix bytes = call.tensor("blocks");
  const int64_t format = call.integer("format");
  const Matrix output = call.tensor("output");
  call.require_dtype(bytes, DType::U8, "blocks");
  call.require(format >= 0 && format < kBlockFormats, "unknown format");
  call.require_float(output, "output");
  const BlockSource source{bytes, static_cast<BlockFormat>(format)};
  const BlockSize size = block_size(source.format);
  const bool whole = output.columns % size.inputs == 0 && bytes.columns == output.columns / size.inputs * size.bytes;
  call.require(bytes.rows == output.rows && (bytes.rows == 0 || whole), "blocks and output do not fit together");
  unpack_blocks(source, output);
}

void multiply(Call& call) {
  const BlockWeight weight = read_weight(call);
  const Matrix input = call.tensor("input"), bias = call.optional_tensor("bias"), output = call.tensor("output");
  const bool accumulate = call.flag("accumulate");
  call.require_float(input, "input");
  call.require_float(output, "output");
  const bool fits = input.columns == weight.inputs && output.columns == weight.outputs && output.rows == input.rows;
  call.require(fits, "input, weight and output do not fit together");
  const bool bias_fits = bias.data == nullptr || (bias.rows == 1 && bias.columns == weight.outputs && bias.dtype <= DType::F16);
  call.require(bias_fits, "bias does not fit the weight");
  if (input.rows == 0 || weight.outputs == 0) return;
  const std::vector<float> biases = bias.data == nullptr ? std::vector<float>() : widened(bias);
  multiply_blocks(input, weight, bias.data == nullptr ? nullptr : biases.data(), output, accumulate);
}

}  // namespace

void export_block_operations(Napi::Env env, Napi::Object exports, const CallContext* context) {
  export_function<block_weight_bytes>(env, exports, "blockWeightBytes", context);
  export_operation<pack>(env, exports, "packBlocks", context);
  export_operation<unpack>(env, exports, "unpackBlocks", context);
  export_operation<multiply>(env, exports, "linearBlocks", context);
}

}  // namespace elastic
