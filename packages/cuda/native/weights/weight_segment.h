// Weights that take less than 16 bits, as they lie in device memory.
#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>
#include <vector>

namespace elastic::weights {

/** In the order in which JavaScript numbers them. The first nine are GGUF's. */
enum class WeightFormat : int { Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K, IQ4_NL, I4, E4M3, I8 };
constexpr int kWeightFormats = 12;

/** Whether outputs lie row after row, a byte for each input, as cuBLASLt reads them; the other formats lie in records. */
__host__ __device__ inline bool in_byte_rows(WeightFormat format) { return format == WeightFormat::E4M3 || format == WeightFormat::I8; }

/** Outputs and inputs that one record holds: what a warp multiplies at a time. */
constexpr int kRecordOutputs = 16;
constexpr int kRecordInputs = 128;

/** The format of so many outputs in a row of a weight. */
struct SegmentShape {
  WeightFormat format;
  int64_t outputs;
  /**
   * I4: inputs that share a scale. Bytes: outputs and inputs that do; one output and all inputs where each output has its own.
   */
  int64_t block_outputs = 1;
  int64_t block_inputs = 0;
};

/** Some outputs of a weight. */
struct WeightSegment {
  char* data;
  SegmentShape shape;
  int64_t inputs;

  __host__ __device__ WeightFormat format() const { return shape.format; }
  __host__ __device__ int64_t outputs() const { return shape.outputs; }
  __host__ __device__ int64_t chunks() const { return (inputs + kRecordInputs - 1) / kRecordInputs; }
  __host__ __device__ int64_t tiles() const { return (outputs() + kRecordOutputs - 1) / kRecordOutputs; }

  /** Of byte rows: bytes from one output to the next. */
  __host__ __device__ int64_t row_bytes() const { return (inputs + 15) / 16 * 16; }
  __host__ __device__ int64_t scale_rows() const { return (outputs() + shape.block_outputs - 1) / shape.block_outputs; }
  __host__ __device__ int64_t scale_columns() const { return (inputs + shape.block_inputs - 1) / shape.block_inputs; }
  /** Of byte rows: [scale_rows][scale_columns], behind the bytes. */
  __host__ __device__ float* scales() const { return reinterpret_cast<float*>(data + outputs() * row_bytes()); }

  /** Bytes of a segment, rounded up so that the next one is aligned. */
  int64_t bytes() const;
};

/** Bytes of one record of a format; `block_inputs` as in SegmentShape. */
int64_t record_bytes(WeightFormat format, int64_t block_inputs);

/** The segments of a weight of `inputs` inputs that begins at `data`, which may be null. */
std::vector<WeightSegment> segments_of(char* data, int64_t inputs, const std::vector<SegmentShape>& shapes);
int64_t total_bytes(const std::vector<WeightSegment>& segments);

}  // namespace elastic::weights
