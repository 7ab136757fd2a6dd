// Weights in blocks, and products with them, as JavaScript calls them.
#include "operations/block_operations.h"

#include <vector>

#include "addon/exports.h"
#include "blocks/embed_blocks.h"
#include "blocks/multiply_blocks.h"
#include "blocks/pack_blocks.h"
#include "blocks/unpack_blocks.h"
#include "core/row_tasks.h"

namespace elastic {
namespace {

constexpr int64_t kLargestSide = int64_t{1} << 31, kMostSources = 64;

bool sensible(int64_t outputs, int64_t inputs) {
  return outputs >= 0 && inputs >= 0 && outputs <= kLargestSide && inputs <= kLargestSide && inputs % kBlock == 0;
}

/** Inputs, then a format and outputs for each matrix. */
std::vector<PartEntry> read_entries(Call& call, int64_t* inputs) {
  *inputs = call.integer("inputs");
  const int64_t count = call.integer("sources");
  call.require(count >= 0 && count <= kMostSources, "too many sources");
  std::vector<PartEntry> entries;
  int64_t outputs = 0;
  for (int64_t i = 0; i < count; ++i) {
    const PartEntry entry{call.integer("format"), call.integer("outputs")};
    call.require(entry.format >= 0 && entry.format < kBlockFormats, "unknown format");
    call.require(sensible(entry.outputs, *inputs) && *inputs % block_size(static_cast<BlockFormat>(entry.format)).inputs == 0,
                 "a weight in blocks has a sensible shape of whole blocks");
    outputs += entry.outputs;
    entries.push_back(entry);
  }
  call.require(sensible(outputs, *inputs), "a weight in blocks has a sensible shape");
  return entries;
}

Napi::Value block_weight_bytes(const Napi::CallbackInfo& info) {
  return guarded_value(info, [&](Call& call) -> Napi::Value {
    int64_t inputs = 0;
    const std::vector<PartEntry> entries = read_entries(call, &inputs);
    return Napi::Number::New(info.Env(), static_cast<double>(BlockWeight::of(entries, inputs, nullptr).bytes()));
  });
}

/** The weight's buffer, its inputs and entries, then the bytes of each matrix. */
void pack(Call& call) {
  const Matrix buffer = call.tensor("weight");
  call.require_dtype(buffer, DType::U8, "weight");
  int64_t inputs = 0;
  const std::vector<PartEntry> entries = read_entries(call, &inputs);
  const BlockWeight weight = BlockWeight::of(entries, inputs, buffer.data);
  call.require(buffer.rows == 1 && buffer.columns == weight.bytes(), "the weight's buffer has another size");
  std::vector<BlockSource> sources;
  for (const PartEntry& entry : entries) {
    const Matrix bytes = call.tensor("source");
    call.require_dtype(bytes, DType::U8, "source");
    const BlockSource source{bytes, static_cast<BlockFormat>(entry.format)};
    const BlockSize size = block_size(source.format);
    const bool whole = bytes.columns == inputs / size.inputs * size.bytes;
    call.require(bytes.rows == entry.outputs && (bytes.rows == 0 || whole), "a source has another shape");
    sources.push_back(source);
  }
  weight.write_entries(buffer.data);
  call.require(pack_blocks(weight, sources), "a scale is not finite");
}

BlockWeight read_weight(Call& call) {
  const Matrix buffer = call.tensor("weight");
  const int64_t outputs = call.integer("outputs"), inputs = call.integer("inputs");
  call.require_dtype(buffer, DType::U8, "weight");
  call.require(buffer.rows == 1 && sensible(outputs, inputs), "a weight in blocks has a sensible shape");
  return BlockWeight::in(buffer.data, buffer.columns, outputs, inputs);
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

void embed(Call& call) {
  const BlockWeight weight = read_weight(call);
  const Matrix ids = call.tensor("ids"), output = call.tensor("output");
  const auto factor = static_cast<float>(call.number("factor"));
  call.require_dtype(ids, DType::I32, "ids");
  call.require_float(output, "output");
  call.require(ids.rows == 1 && output.rows == ids.columns && output.columns == weight.inputs, "ids, table and output do not fit together");
  embed_blocks(weight, ids, output, factor);
}

}  // namespace

void export_block_operations(Napi::Env env, Napi::Object exports, const CallContext* context) {
  export_function<block_weight_bytes>(env, exports, "blockWeightBytes", context);
  export_operation<pack>(env, exports, "packBlocks", context);
  export_operation<unpack>(env, exports, "unpackBlocks", context);
  export_operation<multiply>(env, exports, "linearBlocks", context);
  export_operation<embed>(env, exports, "embedBlocks", context);
}

}  // namespace elastic
