#pragma once

namespace elastic {

/** The numbers of `Activation` in TypeScript, in its order, and behind them the clamped gate of gpt-oss. */
enum class ActivationKind : int { Silu = 0, Gelu = 1, GeluTanh = 2, Relu = 3, ReluSquared = 4, ClampedSwiglu = 5 };

/** How a gate and an up projection become one; `alpha` and `limit` belong to the clamped gate alone. */
struct GateFunction {
  ActivationKind kind;
  float alpha;
  float limit;
};

}  // namespace elastic
