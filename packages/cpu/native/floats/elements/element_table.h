#pragma once
#include <cstdint>

#include "addon/values/gate_function.h"
#include "addon/values/numeric.h"
#include "core/instruction_set.h"

namespace elastic {

/**
 * Row-wise kernels of one instruction set besides those of `FloatKernels`, and their gradients. They work on one thread and
 * one row of n elements; pointers address F32 or BF16, everything is computed in float32 and rounded once.
 */
struct ElementKernels {
  /** out = function(gate, up); out may be gate. */
  void (*gate)(const GateFunction& function, const char* gate, const char* up, char* out, DType dtype, int64_t n);
  /** Gradients of that; they may be gate and up themselves. */
  void (*gate_gradient)(const GateFunction& function, const char* gate, const char* up, const char* dy, char* gate_gradient,
                        char* up_gradient, DType dtype, int64_t n);
  /** out = activation(x); out may be x. */
  void (*activate)(ActivationKind kind, const char* x, char* out, DType dtype, int64_t n);
  /** dx = dy · activation'(x); dx may be x or dy. */
  void (*activate_gradient)(ActivationKind kind, const char* x, const char* dy, char* dx, DType dtype, int64_t n);
  /** out = (x - mean) / sqrt(variance + epsilon) · weight (+ bias); bias may be null, out may be x. */
  void (*layer_norm)(const char* x, DType from, const float* weight, const float* bias, float epsilon, char* out, DType to,
                     int64_t n);
  /** dx (+)= r · (u - mean(u) - normed · mean(u · normed)) with u = dy · weight; dx may be dy. */
  void (*layer_norm_gradient)(const char* x, DType x_type, const float* weight, float epsilon, const char* dy, DType dy_type,
                              char* dx, DType dx_type, bool accumulate, int64_t n);
  /** out = factor · x, or cap · tanh(factor · x / cap) where cap is above 0; out may be x. */
  void (*scale)(const char* x, DType from, float factor, float cap, char* out, DType to, int64_t n);
  /** dx = dy · factor · (1 - tanh²(factor · x / cap)); dx may be x or dy. */
  void (*scale_gradient)(const char* x, DType x_type, float factor, float cap, const char* dy, DType dy_type, char* dx,
                         DType dx_type, int64_t n);
  /** Rotation of neighbouring elements, n / 2 pairs in place; direction is 1, or -1 to rotate backwards. */
  void (*rotate_neighbours)(char* x, DType dtype, const float* cosine, const float* sine, float direction, int64_t n);
  /** out = a + factor · b. */
  void (*add_scaled)(const char* a, const char* b, float factor, char* out, DType dtype, int64_t n);
  /** sums += factor · x. */
  void (*add_to_floats)(const char* x, DType from, float factor, float* sums, int64_t n);
};

/** The kernels of the call that this thread works for. */
const ElementKernels& element_kernels();

const ElementKernels& element_kernels_plain();
const ElementKernels& element_kernels_avx2();
const ElementKernels& element_kernels_avx512();

}  // namespace elastic
