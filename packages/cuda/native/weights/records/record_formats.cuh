// Which integers and scales the records of each format have.
#pragma once
#include <stdexcept>

#include "weights/records/record_codes.cuh"
#include "weights/records/record_scales.cuh"
#include "weights/weight_segment.h"

namespace elastic::weights {

template <typename CodesType, typename ScalesType>
struct RecordFormat {
  using Codes = CodesType;
  using Scales = ScalesType;
  static constexpr int kBytes = Codes::kBytes + Scales::kBytes;
  static_assert(kBytes % 16 == 0, "records are copied in lines of 16 bytes");
};

using RecordsQ8_0 = RecordFormat<ByteCodes, HalfScales<false>>;
using RecordsQ4_0 = RecordFormat<NibbleCodes<8>, HalfScales<false>>;
using RecordsQ4_1 = RecordFormat<NibbleCodes<0>, HalfScales<true>>;
using RecordsQ5_0 = RecordFormat<FiveBitCodes<16>, HalfScales<false>>;
using RecordsQ5_1 = RecordFormat<FiveBitCodes<0>, HalfScales<true>>;
using RecordsQ4_K = RecordFormat<NibbleCodes<0>, NestedScales>;
using RecordsQ5_K = RecordFormat<FiveBitCodes<0>, NestedScales>;
using RecordsQ6_K = RecordFormat<SixBitCodes<32>, NestedSignedScales>;
using RecordsIQ4_NL = RecordFormat<CodebookCodes, HalfScales<false>>;
template <int groups>
using RecordsI4 = RecordFormat<NibbleCodes<0>, GroupScales<groups>>;

/** Calls fn with a null pointer of the record type of a segment. */
template <typename Function>
auto with_record_format(const SegmentShape& shape, const Function& fn) {
  switch (shape.format) {
    case WeightFormat::Q8_0:
      return fn(static_cast<RecordsQ8_0*>(nullptr));
    case WeightFormat::Q4_0:
      return fn(static_cast<RecordsQ4_0*>(nullptr));
    case WeightFormat::Q4_1:
      return fn(static_cast<RecordsQ4_1*>(nullptr));
    case WeightFormat::Q5_0:
      return fn(static_cast<RecordsQ5_0*>(nullptr));
    case WeightFormat::Q5_1:
      return fn(static_cast<RecordsQ5_1*>(nullptr));
    case WeightFormat::Q4_K:
      return fn(static_cast<RecordsQ4_K*>(nullptr));
    case WeightFormat::Q5_K:
      return fn(static_cast<RecordsQ5_K*>(nullptr));
    case WeightFormat::Q6_K:
      return fn(static_cast<RecordsQ6_K*>(nullptr));
    case WeightFormat::IQ4_NL:
      return fn(static_cast<RecordsIQ4_NL*>(nullptr));
    case WeightFormat::I4:
      switch (groups_in_record(shape.block_inputs)) {
        case 1:
          return fn(static_cast<RecordsI4<1>*>(nullptr));
        case 2:
          return fn(static_cast<RecordsI4<2>*>(nullptr));
        default:
          return fn(static_cast<RecordsI4<4>*>(nullptr));
      }
    case WeightFormat::E4M3:
    case WeightFormat::I8:
      break;
  }
  throw std::logic_error("the format does not lie in records");
}

}  // namespace elastic::weights
