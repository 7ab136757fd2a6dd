#pragma once
// Activation functions and their derivatives on vectors.
#include "addon/values/gate_function.h"
#include "floats/vector.h"

namespace elastic {
namespace {

ELASTIC_INLINE Vector sigmoid_of(Vector x) { return 1.0f / (exp2_of(x * -kLog2E) + 1.0f); }
/** The smaller one; what is no number in `b` stays, as in `maximum`. */
ELASTIC_INLINE Vector minimum(Vector a, Vector b) { return a < b ? a : b; }

/** The distribution function of the standard normal distribution; one element at a time, by the C library. */
ELASTIC_INLINE Vector normal_distribution_of(Vector x) {
  Vector result;
  for (int64_t lane = 0; lane < kLanes; ++lane) result[lane] = 0.5f * __builtin_erfcf(x[lane] * -0.70710678f);
  return result;
}

/** Twice the inner function of gelu's tanh form, whose sigmoid is what multiplies x. */
ELASTIC_INLINE Vector gelu_tanh_inner(Vector x) { return x * (1.5957691f + 0.071354816f * x * x); }

template <ActivationKind kind>
ELASTIC_INLINE Vector activation_of(Vector x) {
  if constexpr (kind == ActivationKind::Silu) {
    return x / (exp2_of(x * -kLog2E) + 1.0f);
  } else if constexpr (kind == ActivationKind::Gelu) {
    return x * normal_distribution_of(x);
  } else if constexpr (kind == ActivationKind::GeluTanh) {
    return x / (exp2_of(gelu_tanh_inner(x) * -kLog2E) + 1.0f);
  } else {
    const Vector positive = x < 0.0f ? Vector{} : x;
    return kind == ActivationKind::Relu ? positive : positive * positive;
  }
}

template <ActivationKind kind>
ELASTIC_INLINE Vector derivative_of(Vector x) {
  if constexpr (kind == ActivationKind::Silu) {
    const Vector sigmoid = sigmoid_of(x);
    return sigmoid * (1.0f + x * (1.0f - sigmoid));
  } else if constexpr (kind == ActivationKind::Gelu) {
    return normal_distribution_of(x) + x * exp2_of(x * x * (-0.5f * kLog2E)) * 0.39894228f;
  } else if constexpr (kind == ActivationKind::GeluTanh) {
    const Vector inner = gelu_tanh_inner(x), sigmoid = sigmoid_of(inner);
    // The slope grows with x², where the sigmoid's own vanishes: the product must not become infinity times zero.
    const Vector bounded = x * x > 1e6f ? broadcast(1e6f) : x * x;
    return sigmoid + x * sigmoid * sigmoid_of(-inner) * (1.5957691f + 0.21406445f * bounded);
  } else {
    const Vector one = broadcast(1.0f);
    return kind == ActivationKind::Relu ? (x > 0.0f ? one : Vector{}) : 2.0f * (x < 0.0f ? Vector{} : x);
  }
}

/** function(gate, up) of one kind. */
template <ActivationKind kind>
ELASTIC_INLINE Vector gated_of(const GateFunction& function, Vector gate, Vector up) {
  if constexpr (kind == ActivationKind::ClampedSwiglu) {
    const Vector limit = broadcast(function.limit), g = minimum(limit, gate);
    const Vector u = maximum(-limit, minimum(limit, up));
    return g * sigmoid_of(g * function.alpha) * (u + 1.0f);
  } else {
    return activation_of<kind>(gate) * up;
  }
}

/** Its derivative by the gate; `by_up` gets the other. */
template <ActivationKind kind>
ELASTIC_INLINE Vector gated_derivatives(const GateFunction& function, Vector gate, Vector up, Vector* by_up) {
  if constexpr (kind == ActivationKind::ClampedSwiglu) {
    const Vector limit = broadcast(function.limit), g = minimum(limit, gate);
    const Vector u = maximum(-limit, minimum(limit, up)), sigmoid = sigmoid_of(g * function.alpha);
    *by_up = ((up <= limit) & (up >= -limit)) ? g * sigmoid : Vector{};
    return gate <= limit ? sigmoid * (1.0f + function.alpha * g * (1.0f - sigmoid)) * (u + 1.0f) : Vector{};
  } else {
    *by_up = activation_of<kind>(gate);
    return derivative_of<kind>(gate) * up;
  }
}

/** Runs a statement with the kind as a compile-time constant. */
#define ELASTIC_WITH_ACTIVATION(kind, name, ...)                                                            \
  switch (kind) {                                                                                           \
    case ActivationKind::Silu: { constexpr ActivationKind name = ActivationKind::Silu; __VA_ARGS__ } break;  \
    case ActivationKind::Gelu: { constexpr ActivationKind name = ActivationKind::Gelu; __VA_ARGS__ } break;  \
    case ActivationKind::GeluTanh: {                                                                        \
      constexpr ActivationKind name = ActivationKind::GeluTanh;                                             \
      __VA_ARGS__                                                                                           \
    } break;                                                                                                \
    case ActivationKind::Relu: { constexpr ActivationKind name = ActivationKind::Relu; __VA_ARGS__ } break;  \
    default: {                                                                                              \
      constexpr ActivationKind name = ActivationKind::ReluSquared;                                          \
      __VA_ARGS__                                                                                           \
    }                                                                                                       \
  }

}  // namespace
}  // namespace elastic
