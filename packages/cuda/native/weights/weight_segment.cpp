#include "weights/weight_segment.h"

#include "weights/records/record_sizes.h"

namespace elastic::weights {

int64_t record_bytes(WeightFormat format, int64_t block_inputs) {
  switch (format) {
    case WeightFormat::Q8_0:
      return kByteCodes + kHalfScales;
    case WeightFormat::Q4_0:
    case WeightFormat::IQ4_NL:
      return kNibbleCodes + kHalfScales;
    case WeightFormat::Q4_1:
      return kNibbleCodes + 2 * kHalfScales;
    case WeightFormat::Q5_0:
      return kFiveBitCodes + kHalfScales;
    case WeightFormat::Q5_1:
      return kFiveBitCodes + 2 * kHalfScales;
    case WeightFormat::Q4_K:
      return kNibbleCodes + kNestedScales;
    case WeightFormat::Q5_K:
      return kFiveBitCodes + kNestedScales;
    case WeightFormat::Q6_K:
      return kSixBitCodes + kNestedSignedScales;
    case WeightFormat::I4:
      return kNibbleCodes + group_scale_bytes(groups_in_record(block_inputs));
    case WeightFormat::E4M3:
    case WeightFormat::I8:
      break;
  }
  return 0;
}

int64_t WeightSegment::bytes() const {
  const int64_t bytes = in_byte_rows(format()) ? outputs() * row_bytes() + scale_rows() * scale_columns() * 4
                                               : tiles() * chunks() * record_bytes(format(), shape.block_inputs);
  constexpr int64_t kAlignment = 256;
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

std::vector<WeightSegment> segments_of(char* data, int64_t inputs, const std::vector<SegmentShape>& shapes) {
  std::vector<WeightSegment> segments;
  for (const SegmentShape& shape : shapes) {
    segments.push_back({data, shape, inputs});
    if (data != nullptr) data += segments.back().bytes();
  }
  return segments;
}

int64_t total_bytes(const std::vector<WeightSegment>& segments) {
  int64_t bytes = 0;
  for (const WeightSegment& segment : segments) bytes += segment.bytes();
  return bytes;
}

}  // namespace elastic::weights
