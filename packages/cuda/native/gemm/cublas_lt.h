// cuBLASLt, found at run time: the addon is built, and loads, without it.
#pragma once
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "addon/values/numeric.h"

namespace elastic {

/** What a scale of e4m3 is of. */
enum class ScalesOf {
  /** F32 [rows]: a row of the input; F32 [outputs]: an output of the weight. */
  Vectors,
  /**
   * F32 [inputs / 128, rows]: 128 inputs of a row; F32 [outputs / 128, inputs / 128]: 128 inputs of 128 outputs. Rows and the
   * scales of a row of blocks are then multiples of 4.
   */
  Blocks,
};

/**
 * Row-major product: output [rows, outputs] = input [rows, inputs] · weight [outputs, inputs]ᵀ (+ output), or with
 * `weight_rows_are_inputs` input [rows, inputs] · weight [inputs, outputs].
 *
 * With scales both operands are bytes of e4m3, for any `dtype`. Inputs and outputs are then multiples of 16.
 */
struct MatrixProductCall {
  const void* input;
  int64_t input_stride;
  const void* weight;
  void* output;
  int64_t output_stride;
  int64_t rows;
  int64_t inputs;
  int64_t outputs;
  /** Of input and weight. */
  DType dtype;
  DType output_dtype;
  bool accumulate;
  bool weight_rows_are_inputs = false;
  /** As `scales_of` says; both or neither. */
  const float* input_scales = nullptr;
  const float* weight_scales = nullptr;
  ScalesOf scales_of = ScalesOf::Vectors;
};

/** Whether products of e4m3 under such scales can be had: what the library says of one. */
bool multiplies_e4m3(ScalesOf scales_of);

/** Why cuBLASLt cannot be used; empty when it can. */
const std::string& cublas_lt_problem();
/** Issues a product; sums are float32. @throws std::runtime_error, CudaError */
void multiply(const MatrixProductCall& call, cudaStream_t stream);

}  // namespace elastic
