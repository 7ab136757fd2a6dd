import type { GradientRule } from "../../autograd/gradient-rule.js";
import { defineOperation } from "../../operation.js";
import { readFloats, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "../elements/expect-shape.js";
import { type GateActivation, gatedFunction } from "./activation-values.js";
import { gatedActivationBackward } from "./gated-activation-backward.js";

export interface GatedActivationCall {
  /** [rows, features]; a column range of a fused projection is fine. */
  readonly gate: Tensor;
  readonly up: Tensor;
  readonly activation: GateActivation;
  /** [rows, features]; may be `gate` itself. */
  readonly output: Tensor;
}

const gatedActivationGradient: GradientRule<GatedActivationCall> = {
  inputs: ({ gate, up }) => [gate, up],
  outputs: ({ output }) => [output],
  keepsInputs: ({ gate, up }) => [gate, up],
  backward({ gate, up, activation, output }, gradients) {
    const outputGradient = gradients.incoming(output);
    if (outputGradient === undefined) return;
    gradients.overwrite([gate, up], ([gateGradient, upGradient]) =>
      gradients.backend.kernels.run(gatedActivationBackward, { gate, up, activation, outputGradient, gateGradient, upGradient }),
    );
  },
};

/** output = activation(gate) · up, or the clamped form of gpt-oss, in float32 at least, rounded once. With "silu" this is SwiGLU. */
export const gatedActivation = defineOperation<GatedActivationCall>("gatedActivation", referenceGatedActivation, {
  gradient: gatedActivationGradient,
});

function referenceGatedActivation({ gate, up, activation, output }: GatedActivationCall): void {
  expectShape("gatedActivation", "up", up, gate.shape);
  expectShape("gatedActivation", "output", output, gate.shape);
  const u = readFloats(up);
  const { value } = gatedFunction(activation);
  writeFloats(output, readFloats(gate).map((g, i) => value(g, u[i]!)));
}
