#include "weights/weight_exports.h"

#include <stdexcept>
#include <vector>

#include "addon/call.h"
#include "addon/exports.h"
#include "core/device/check.h"
#include "core/device/device.h"
#include "weights/quantise/quantise_blocks.h"
#include "weights/quantise/round_rows.h"
#include "weights/records/file_blocks.cuh"
#include "weights/records/pack_records.h"
#include "weights/records/pack_scaled.h"
#include "weights/weight_products.h"

namespace elastic {
namespace {

using weights::SegmentShape;
using weights::WeightFormat;
using weights::WeightSegment;

constexpr int64_t kLargestSide = int64_t{1} << 31;

/** The next segments: inputs, how many, and of each its format, outputs, and the outputs and inputs of its blocks. */
std::vector<WeightSegment> read_segments(Call& call, char* data) {
  const int64_t inputs = call.integer("inputs"), count = call.integer("segments");
  call.require(inputs > 0 && inputs <= kLargestSide && count >= 0 && count <= 4096, "a weight has sensible inputs and segments");
  std::vector<SegmentShape> shapes;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t format = call.integer("format"), outputs = call.integer("outputs");
    const int64_t block_outputs = call.integer("outputs of a block"), block_inputs = call.integer("inputs of a block");
    call.require(format >= 0 && format < weights::kWeightFormats, "there is no such format");
    call.require(outputs >= 0 && outputs <= kLargestSide && block_outputs > 0 && block_inputs > 0, "a segment has sensible sides");
    const SegmentShape shape{static_cast<WeightFormat>(format), outputs, block_outputs, block_inputs};
    if (shape.format == WeightFormat::I4) {
      call.require(block_outputs == 1 && inputs % 8 == 0 && (block_inputs >= inputs || block_inputs == 32 || block_inputs == 64 || block_inputs % 128 == 0),
                   "groups are of 32, of 64 or of multiples of 128 inputs");
    } else if (weights::in_byte_rows(shape.format)) {
      call.require(block_inputs % weights::kRecordInputs == 0 || block_inputs >= inputs, "blocks of bytes are of multiples of 128 inputs");
    } else {
      call.require(inputs % weights::block_size(shape.format).inputs == 0, "the inputs are not whole blocks");
    }
    shapes.push_back(shape);
  }
  return weights::segments_of(data, inputs, shapes);
}

/** The next weight: its buffer, then its segments. */
std::vector<WeightSegment> read_weight(Call& call) {
  const Matrix buffer = call.tensor("weight");
  call.require_dtype(buffer, DType::U8, "weight");
  std::vector<WeightSegment> segments = read_segments(call, buffer.data);
  call.require(buffer.rows == 1 && buffer.columns == weights::total_bytes(segments), "the weight's buffer has another size");
  return segments;
}

Napi::Value weight_bytes(const Napi::CallbackInfo& info) {
  return guarded_value(info, [&](Call& call) {
    return Napi::Number::New(info.Env(), static_cast<double>(weights::total_bytes(read_segments(call, nullptr))));
  });
}

int64_t outputs_of(const std::vector<WeightSegment>& segments) {
  int64_t outputs = 0;
  for (const WeightSegment& segment : segments) outputs += segment.outputs();
  return outputs;
}

/** A flag on the device that packing sets where a scale is not finite. */
class BrokenFlag {
 public:
  explicit BrokenFlag(cudaStream_t stream) : memory_(sizeof(int32_t)), stream_(stream) {
    check(cudaMemsetAsync(memory_.data(), 0, sizeof(int32_t), stream_), "cudaMemsetAsync");
  }
  int32_t* data() const { return reinterpret_cast<int32_t*>(memory_.data()); }
  /** Waits for the packing. @throws std::runtime_error */
  void require_clear() const {
    int32_t broken = 0;
    check(cudaMemcpyAsync(&broken, memory_.data(), sizeof broken, cudaMemcpyDeviceToHost, stream_), "cudaMemcpyAsync to the host");
    check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize");
    if (broken != 0) throw std::runtime_error("a scale is not finite");
  }

 private:
  Scratch memory_;
  cudaStream_t stream_;
};

/** Bytes of a row of a segment's file. */
int64_t source_bytes(const WeightSegment& segment) {
  if (weights::in_byte_rows(segment.format())) return segment.inputs;
  if (segment.format() == WeightFormat::I4) return segment.inputs / 2;
  const weights::BlockSize size = weights::block_size(segment.format());
  return segment.inputs / size.inputs * size.bytes;
}

/** The scales, or zero points, beside a source. */
Matrix read_scales(Call& call, const WeightSegment& segment, int64_t rows, const char* name) {
  const Matrix scales = call.tensor(name);
  call.require_dtype(scales, DType::F32, name);
  const int64_t block = segment.shape.block_outputs;
  const bool fits = scales.rows == (rows + block - 1) / block && scales.columns == segment.scale_columns() && scales.row_stride == scales.columns;
  call.require(rows == 0 || fits, "scales do not fit their matrix");
  return scales;
}

/** Puts the next source into a segment from an output on; its outputs. */
int64_t pack_source(Call& call, const WeightSegment& segment, int64_t first, int32_t* broken, cudaStream_t stream) {
  const Matrix source = call.tensor("source");
  call.require_dtype(source, DType::U8, "source");
  call.require(source.rows == 0 || (source.columns == source_bytes(segment) && source.row_stride == source.columns), "a source has other bytes");
  call.require(first + source.rows <= segment.outputs() && first % segment.shape.block_outputs == 0, "the sources have other outputs");
  if (weights::in_byte_rows(segment.format())) {
    weights::pack_bytes(source, read_scales(call, segment, source.rows, "scales"), segment, first, broken, stream);
  } else if (segment.format() == WeightFormat::I4) {
    const Matrix scales = read_scales(call, segment, source.rows, "scales");
    weights::pack_groups(source, scales, read_scales(call, segment, source.rows, "zero points"), segment, first, broken, stream);
  } else {
    weights::pack_blocks(source, segment, first, broken, stream);
  }
  return source.rows;
}

/** Weight, then for each segment how many sources, and each of them: its bytes as rows, and what scales it has beside them. */
void pack_blocks(Call& call) {
  const std::vector<WeightSegment> segments = read_weight(call);
  const cudaStream_t stream = Device::instance().stream;
  const BrokenFlag broken(stream);
  for (const WeightSegment& segment : segments) {
    if (segment.bytes() > 0) check(cudaMemsetAsync(segment.data, 0, static_cast<size_t>(segment.bytes()), stream), "cudaMemsetAsync");
    const int64_t sources = call.integer("sources");
    int64_t outputs = 0;
    for (int64_t i = 0; i < sources; ++i) outputs += pack_source(call, segment, outputs, broken.data(), stream);
    call.require(outputs == segment.outputs(), "the sources have other outputs");
  }
  broken.require_clear();
}

/** Rounds a float matrix into some outputs of a segment. */
void quantise_matrix(const Matrix& source, const WeightSegment& segment, int64_t first, int32_t* broken, cudaStream_t stream) {
  if (segment.format() == WeightFormat::E4M3) {
    const int64_t row_bytes = segment.row_bytes();
    return weights::round_rows(source, {segment.data + first * row_bytes, row_bytes, segment.scales() + first}, stream);
  }
  const weights::BlockSize size = weights::block_size(segment.format());
  const int64_t row_bytes = source.columns / size.inputs * size.bytes;
  const Scratch blocks(static_cast<size_t>(source.rows * row_bytes));
  weights::quantise_blocks(source, segment.format(), blocks.data(), stream);
  weights::pack_blocks({blocks.data(), source.rows, row_bytes, row_bytes, DType::U8}, segment, first, broken, stream);
}

/** Weight, then for each segment how many sources, and each of them: float matrices. */
void quantise_weight(Call& call) {
  const cudaStream_t stream = Device::instance().stream;
  const BrokenFlag broken(stream);
  for (const WeightSegment& segment : read_weight(call)) {
    const bool scales_of_outputs = segment.shape.block_outputs == 1 && segment.scale_columns() == 1;
    const bool known = segment.format() == WeightFormat::E4M3 ? scales_of_outputs : weights::quantises(segment.format());
    call.require(known, "floats are rounded to Q8_0, to Q4_K, or to e4m3 under a scale for each output");
    if (segment.bytes() > 0) check(cudaMemsetAsync(segment.data, 0, static_cast<size_t>(segment.bytes()), stream), "cudaMemsetAsync");
    const int64_t sources = call.integer("sources");
    int64_t outputs = 0;
    for (int64_t i = 0; i < sources; ++i) {
      const Matrix source = call.tensor("source");
      call.require_float(source, "source");
      call.require(source.columns == segment.inputs && outputs + source.rows <= segment.outputs(), "a source has another shape");
      quantise_matrix(source, segment, outputs, broken.data(), stream);
      outputs += source.rows;
    }
    call.require(outputs == segment.outputs(), "the sources have other outputs");
  }
  broken.require_clear();
}

void linear_blocks(Call& call) {
  const Matrix input = call.tensor("input");
  const std::vector<WeightSegment> segments = read_weight(call);
  const Matrix bias = call.optional_tensor("bias"), output = call.tensor("output");
  const bool accumulate = call.flag("accumulate");
  call.require_float(input, "input");
  call.require_float(output, "output");
  const int64_t outputs = outputs_of(segments), inputs = segments.empty() ? 0 : segments[0].inputs;
  call.require(input.columns == inputs && output.columns == outputs && output.rows == input.rows,
               "input, weight and output do not fit together");
  const bool fits = bias.data == nullptr || (bias.rows == 1 && bias.columns == outputs && bias.dtype <= DType::F16);
  call.require(fits, "bias does not fit the weight");
  if (input.rows > 0 && outputs > 0) weights::multiply_weights(input, segments, bias, output, accumulate);
}

}  // namespace

void export_weights(Napi::Env env, Napi::Object exports) {
  export_function<weight_bytes>(env, exports, "blockWeightBytes");
  export_operation<pack_blocks>(env, exports, "packBlocks");
  export_operation<quantise_weight>(env, exports, "quantiseWeight");
  export_operation<linear_blocks>(env, exports, "linearBlocks");
}

}  // namespace elastic
