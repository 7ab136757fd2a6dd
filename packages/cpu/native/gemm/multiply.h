#pragma once
#include "addon/values/numeric.h"
#include "gemm/packed_weight.h"

namespace elastic {

/** A product to compute: output = input · weightᵀ (+ bias) (+ output), summed in float32. */
struct Product {
  /** [rows, weight.inputs], F32 or BF16; rounded to the weight's dtype before it is multiplied. */
  Matrix input;
  PackedWeight weight;
  /** [outputs] floats, or null. */
  const float* bias;
  /** [rows, weight.outputs], F32 or BF16. */
  Matrix output;
  /** Adds to what `output` holds. */
  bool accumulate;
};

/** Runs a product on all threads by the best kernel of the instruction set in use. */
void multiply(const Product& product);

/** Rows up to which the vector kernels, which read the weight once from memory, are as good as the tiles. */
constexpr int64_t kFewRows = 8;

/** The kernel of processors with dot products of bf16 (AVX512_BF16, NEON): bf16 weights, any number of rows. */
void multiply_bf16(const Product& product);

/** The AMX kernel: bf16 weights, any number of rows. Call only where the instruction set is Amx. */
void multiply_amx(const Product& product);

}  // namespace elastic
