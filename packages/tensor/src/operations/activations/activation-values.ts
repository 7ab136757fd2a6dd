import { gaussianDensity, gaussianDistribution } from "./gaussian.js";

/**
 * Activation functions of one variable: silu x·σ(x); gelu x·Φ(x), exact; geluTanh, its approximation by a hyperbolic
 * tangent (`gelu_pytorch_tanh`, `gelu_new`); relu; reluSquared relu(x)² (Nemotron).
 */
export type Activation = "silu" | "gelu" | "geluTanh" | "relu" | "reluSquared";

/**
 * The clamped gate of gpt-oss: g = min(gate, limit) and u = clamp(up, −limit, limit) give g · σ(alpha · g) · (u + 1).
 */
export interface ClampedSwiglu {
  readonly kind: "clampedSwiglu";
  readonly alpha: number;
  readonly limit: number;
}

/** How a gate and an up projection become one: activation(gate) · up, or the clamped form of gpt-oss. */
export type GateActivation = Activation | ClampedSwiglu;

/** All activations, in the order of the numbers by which native kernels know them. */
export const activations: readonly Activation[] = ["silu", "gelu", "geluTanh", "relu", "reluSquared"];

/** An activation's value and derivative. */
export interface ActivationFunction {
  readonly value: (x: number) => number;
  readonly derivative: (x: number) => number;
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const tanhScale = Math.sqrt(2 / Math.PI);
const tanhCubic = 0.044715;
const tanhInner = (x: number) => Math.tanh(tanhScale * (x + tanhCubic * x ** 3));

/** The functions that the reference kernels evaluate. */
export const activationFunctions: Readonly<Record<Activation, ActivationFunction>> = {
  silu: {
    value: (x) => x / (1 + Math.exp(-x)),
    derivative: (x) => sigmoid(x) * (1 + x * (1 - sigmoid(x))),
  },
  gelu: {
    value: (x) => x * gaussianDistribution(x),
    derivative: (x) => gaussianDistribution(x) + x * gaussianDensity(x),
  },
  geluTanh: {
    value: (x) => 0.5 * x * (1 + tanhInner(x)),
    derivative(x) {
      const t = tanhInner(x);
      return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * tanhScale * (1 + 3 * tanhCubic * x * x);
    },
  },
  relu: { value: (x) => Math.max(x, 0), derivative: (x) => (x > 0 ? 1 : 0) },
  reluSquared: { value: (x) => Math.max(x, 0) ** 2, derivative: (x) => 2 * Math.max(x, 0) },
};

/** A gated activation and its derivatives by gate and up. */
export interface GatedFunction {
  readonly value: (gate: number, up: number) => number;
  readonly derivatives: (gate: number, up: number) => readonly [byGate: number, byUp: number];
}

/** The function that the reference kernels evaluate for a gate. */
export function gatedFunction(activation: GateActivation): GatedFunction {
  if (typeof activation === "string") {
    const { value, derivative } = activationFunctions[activation];
    return { value: (gate, up) => value(gate) * up, derivatives: (gate, up) => [derivative(gate) * up, value(gate)] };
  }
  const { alpha, limit } = activation;
  const cut = (x: number, low: number) => Math.min(Math.max(x, low), limit);
  return {
    value(gate, up) {
      const g = cut(gate, -Infinity);
      return g * sigmoid(alpha * g) * (cut(up, -limit) + 1);
    },
    derivatives(gate, up) {
      const g = cut(gate, -Infinity);
      const s = sigmoid(alpha * g);
      const byGate = gate <= limit ? s * (1 + alpha * g * (1 - s)) * (cut(up, -limit) + 1) : 0;
      return [byGate, Math.abs(up) <= limit ? g * s : 0];
    },
  };
}
