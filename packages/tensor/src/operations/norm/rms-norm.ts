import type { GradientRule } from "../../autograd/gradient-rule.js";
import { defineOperation } from "../../operation.js";
import { readFloats, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "../elements/expect-shape.js";
import { rmsNormBackward } from "./rms-norm-backward.js";

export interface RmsNormCall {
  /** [rows, features]. */
  readonly input: Tensor;
  /** [features]. */
  readonly weight: Tensor;
  readonly epsilon: number;
  /** [rows, features]; may be `input` itself. */
  readonly output: Tensor;
}

const rmsNormGradient: GradientRule<RmsNormCall> = {
  inputs: ({ input }) => [input],
  outputs: ({ output }) => [output],
  keepsInputs: ({ input }) => [input],
  backward({ input, weight, epsilon, output }, gradients) {
    const outputGradient = gradients.incoming(output);
    if (outputGradient === undefined) return;
    gradients.accumulate([input], ([inputGradient], accumulate) =>
      gradients.backend.kernels.run(rmsNormBackward, { input, weight, epsilon, outputGradient, inputGradient, accumulate }),
    );
  },
};

/** output = x / sqrt(mean(x²) + epsilon) · weight per row of x = input, in float32 at least, rounded once. */
export const rmsNorm = defineOperation<RmsNormCall>("rmsNorm", referenceRmsNorm, { gradient: rmsNormGradient });

function referenceRmsNorm({ input, weight, epsilon, output }: RmsNormCall): void {
  const [rows, features] = [input.numRows, input.rowLength];
  expectShape("rmsNorm", "weight", weight, [features]);
  expectShape("rmsNorm", "output", output, input.shape);
  const x = readFloats(input);
  const w = readFloats(weight);
  for (let row = 0; row < rows; row++) {
    let squares = 0;
    for (let i = 0; i < features; i++) squares += x[row * features + i]! ** 2;
    const scale = 1 / Math.sqrt(squares / features + epsilon);
    for (let i = 0; i < features; i++) x[row * features + i] = x[row * features + i]! * scale * w[i]!;
  }
  writeFloats(output, x);
}
