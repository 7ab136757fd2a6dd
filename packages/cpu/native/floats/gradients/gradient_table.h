#pragma once
#include <cstdint>

#include "addon/values/numeric.h"
#include "core/instruction_set.h"

namespace elastic {

/** Keys and query rows of one square of attention's backward. */
constexpr int64_t kGradientSquare = 32;

/** What brings q · k to logits in units of log2: q · k · logit, or tanh(q · k · cap_input) · logit under a soft cap. */
struct ScoreFactors {
  float logit;
  /** 0 without a cap. */
  float cap_input;
};

/** Which rows of a square of 32 see which of its keys: key k of [low, high), rows from k - diagonal on, `window` of them. */
struct SquareMask {
  int64_t low;
  int64_t high;
  int64_t diagonal;
  int64_t window;

  /** Rows [from, until) of those from `row` on that see a key. */
  int64_t from(int64_t key, int64_t row) const {
    return key < low || key >= high ? kGradientSquare : key - diagonal - row;
  }
  int64_t until(int64_t key, int64_t row) const { return key - diagonal - row + window; }
};

/**
 * Kernels of the way back, of one instruction set; like `FloatKernels` they work on one thread and one row, elements are
 * F32 or BF16, everything is computed in float32 and rounded once.
 */
struct GradientKernels {
  /** dx (+)= r · u - x · r³ · mean(u · x) with u = dy · weight and r = 1 / sqrt(mean(x²) + epsilon); dx may be dy. */
  void (*rms_norm)(const char* x, DType x_type, const float* weight, float epsilon, const char* dy, DType dy_type, char* dx,
                   DType dx_type, bool accumulate, int64_t n);
  /** Returns -log softmax(x)[target]; gradient = scale · (softmax(x) - onehot) unless it is null; it may be x. */
  float (*cross_entropy)(const char* x, DType x_type, int64_t target, char* gradient, DType gradient_type, float scale,
                         int64_t n);
  /** out = gate · full + (1 - gate) · sparse; out may be either. */
  void (*mix)(const char* full, const char* sparse, char* out, DType dtype, float gate, int64_t n);
  /** Σ dy · (full - sparse). */
  float (*mix_gradient)(const char* full, const char* sparse, DType dtype, const char* dy, DType dy_type, int64_t n);
  /** Σ a · b. */
  float (*dot)(const char* a, DType a_type, const char* b, DType b_type, int64_t n);
  /** y += factor · x. */
  void (*add_scaled)(const float* x, float factor, float* y, int64_t n);
  /** x += addend of the same length, in any dtype of x. */
  void (*add_floats)(const float* addend, char* x, DType dtype, int64_t n);
  /**
   * 32 keys by 32 query rows of attention's backward, one key a row of `stride` floats: scores q · k become weights
   * p = exp2(logit - log_sum_exp), products dO · v become p · (product - delta) · (slope of the cap), which also goes to
   * `panel` [32][32]. Log-sum-exps are in units of log2.
   */
  void (*attention)(float* scores, float* products, int64_t stride, float* panel, const float* log_sum_exp,
                    const float* delta, const ScoreFactors& factors, const SquareMask& mask);
};

/** The kernels of the call that this thread works for. */
const GradientKernels& gradient_kernels();
/** The kernels of a level. */
const GradientKernels& gradient_kernels_of(InstructionSet level);

const GradientKernels& gradient_kernels_plain();
const GradientKernels& gradient_kernels_avx2();
const GradientKernels& gradient_kernels_avx512();

}  // namespace elastic
