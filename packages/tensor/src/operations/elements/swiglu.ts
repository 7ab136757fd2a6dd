import type { GradientRule } from "../../autograd/gradient-rule.js";
import { defineOperation } from "../../operation.js";
import { readFloats, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "./expect-shape.js";
import { swigluBackward } from "./swiglu-backward.js";

export interface SwigluCall {
  /** [rows, features]; a column range of a fused projection is fine. */
  readonly gate: Tensor;
  readonly up: Tensor;
  /** [rows, features]; may be `gate` itself. */
  readonly output: Tensor;
}

const swigluGradient: GradientRule<SwigluCall> = {
  inputs: ({ gate, up }) => [gate, up],
  outputs: ({ output }) => [output],
  keepsInputs: ({ gate, up }) => [gate, up],
  backward({ gate, up, output }, gradients) {
    const outputGradient = gradients.incoming(output);
    if (outputGradient === undefined) return;
    gradients.overwrite([gate, up], ([gateGradient, upGradient]) =>
      gradients.backend.kernels.run(swigluBackward, { gate, up, outputGradient, gateGradient, upGradient }),
    );
  },
};

/** output = silu(gate) · up, in float32 at least, rounded once. */
export const swiglu = defineOperation<SwigluCall>("swiglu", referenceSwiglu, { gradient: swigluGradient });

function referenceSwiglu({ gate, up, output }: SwigluCall): void {
  expectShape("swiglu", "up", up, gate.shape);
  expectShape("swiglu", "output", output, gate.shape);
  const [g, u] = [readFloats(gate), readFloats(up)];
  for (let i = 0; i < g.length; i++) g[i] = (g[i]! / (1 + Math.exp(-g[i]!))) * u[i]!;
  writeFloats(output, g);
}
