// Products of a few rows of activations with weights that take less than 16 bits: each weight is read once.
#pragma once
#include <cuda_runtime_api.h>

#include "addon/values/numeric.h"
#include "weights/weight_segment.h"

namespace elastic::weights {

/** Rows that one pass over the weights multiplies, at most. */
constexpr int kMostPassRows = 32;

/** output = input · weightᵀ (+ bias) (+ output) for the outputs of one segment. */
struct FewRows {
  WeightSegment weight;
  /** bf16, each row at a multiple of 16 bytes; zeros behind the inputs of a weight whose inputs are no multiple of 8. */
  const void* input;
  int64_t input_stride;
  int rows;
  /** Floats of any type; those of the segment's outputs alone. */
  char* output;
  int64_t output_stride;
  DType output_dtype;
  /** As many as outputs, or null. */
  const char* bias;
  DType bias_dtype;
  bool accumulate;
};

/** A row's sums do not depend on the rows beside it. @throws CudaError */
void multiply_few_rows(const FewRows& call, cudaStream_t stream);

}  // namespace elastic::weights
