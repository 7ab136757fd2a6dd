// Activation functions and their derivatives.
#pragma once
#include "addon/values/gate_function.h"

namespace elastic {

__device__ inline float sigmoid(float x) { return 1.0f / (1.0f + __expf(-x)); }

/** Twice the inner function of gelu's tanh form: its sigmoid is what multiplies x. */
__device__ inline float gelu_tanh_inner(float x) { return x * (1.5957691f + 0.071354816f * x * x); }

template <ActivationKind kind>
__device__ inline float activation(float x) {
  if constexpr (kind == ActivationKind::Silu) return __fdividef(x, 1.0f + __expf(-x));
  if constexpr (kind == ActivationKind::Gelu) return 0.5f * x * erfcf(x * -0.70710678f);
  if constexpr (kind == ActivationKind::GeluTanh) return x * sigmoid(gelu_tanh_inner(x));
  const float positive = x < 0.0f ? 0.0f : x;
  return kind == ActivationKind::Relu ? positive : positive * positive;
}

template <ActivationKind kind>
__device__ inline float derivative(float x) {
  if constexpr (kind == ActivationKind::Silu) {
    const float s = sigmoid(x);
    return s * (1.0f + x * (1.0f - s));
  } else if constexpr (kind == ActivationKind::Gelu) {
    return 0.5f * erfcf(x * -0.70710678f) + x * __expf(-0.5f * x * x) * 0.39894228f;
  } else if constexpr (kind == ActivationKind::GeluTanh) {
    const float inner = gelu_tanh_inner(x), s = sigmoid(inner);
    // The slope grows with x², where the sigmoid's own vanishes: the product must not become infinity times zero.
    return s + x * s * sigmoid(-inner) * (1.5957691f + 0.21406445f * fminf(x * x, 1e6f));
  } else if constexpr (kind == ActivationKind::Relu) {
    return x > 0.0f ? 1.0f : 0.0f;
  } else {
    return 2.0f * (x < 0.0f ? 0.0f : x);
  }
}

/** The smaller one, `b` where it is no number; and the same of the larger one. */
__device__ inline float bounded_above(float limit, float b) { return limit < b ? limit : b; }
__device__ inline float bounded(float limit, float b) { return -limit > b ? -limit : bounded_above(limit, b); }

template <ActivationKind kind>
__device__ inline float gated(const GateFunction& function, float gate, float up) {
  if constexpr (kind == ActivationKind::ClampedSwiglu) {
    const float g = bounded_above(function.limit, gate);
    return g * sigmoid(function.alpha * g) * (bounded(function.limit, up) + 1.0f);
  } else {
    return activation<kind>(gate) * up;
  }
}

/** Derivative by the gate; `by_up` gets the other. */
template <ActivationKind kind>
__device__ inline float gated_derivatives(const GateFunction& function, float gate, float up, float* by_up) {
  if constexpr (kind == ActivationKind::ClampedSwiglu) {
    const float g = bounded_above(function.limit, gate), s = sigmoid(function.alpha * g);
    *by_up = fabsf(up) <= function.limit ? g * s : 0.0f;
    return gate <= function.limit ? s * (1.0f + function.alpha * g * (1.0f - s)) * (bounded(function.limit, up) + 1.0f) : 0.0f;
  } else {
    *by_up = activation<kind>(gate);
    return derivative<kind>(gate) * up;
  }
}

/** Calls fn with the kind as a compile-time constant. */
template <ActivationKind kind>
struct KindConstant {
  static constexpr ActivationKind kValue = kind;
};
template <typename Function>
void with_activation(ActivationKind kind, const Function& fn) {
  switch (kind) {
    case ActivationKind::Silu: return fn(KindConstant<ActivationKind::Silu>{});
    case ActivationKind::Gelu: return fn(KindConstant<ActivationKind::Gelu>{});
    case ActivationKind::GeluTanh: return fn(KindConstant<ActivationKind::GeluTanh>{});
    case ActivationKind::Relu: return fn(KindConstant<ActivationKind::Relu>{});
    default: return fn(KindConstant<ActivationKind::ReluSquared>{});
  }
}
template <typename Function>
void with_gate(ActivationKind kind, const Function& fn) {
  if (kind == ActivationKind::ClampedSwiglu) return fn(KindConstant<ActivationKind::ClampedSwiglu>{});
  with_activation(kind, fn);
}

}  // namespace elastic
