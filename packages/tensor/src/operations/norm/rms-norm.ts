import type { GradientRule } from "../../autograd/gradient-rule.js";
import { defineOperation } from "../../operation.js";
import { readFloats, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { cast } from "../elements/cast.js";
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
  /** A stream [rows, features] that gets `input` added in place first, and the sum is what is normalised. */
  readonly residual?: Tensor;
}

const rmsNormGradient: GradientRule<RmsNormCall> = {
  inputs: ({ input }) => [input],
  outputs: ({ output }) => [output],
  updates: ({ residual }) => (residual === undefined ? [] : [residual]),
  keepsInputs: ({ input, residual }) => (residual === undefined ? [input] : []),
  keepsResults: ({ residual }) => (residual === undefined ? [] : [residual]),
  backward({ input, weight, epsilon, output, residual }, gradients) {
    const { kernels } = gradients.backend;
    const outputGradient = gradients.incoming(output);
    const normalised = residual ?? input;
    if (outputGradient !== undefined) {
      gradients.accumulate([normalised], ([inputGradient], accumulate) =>
        kernels.run(rmsNormBackward, { input: normalised, weight, epsilon, outputGradient, inputGradient, accumulate }),
      );
    }
    const streamGradient = residual === undefined ? undefined : gradients.incoming(residual);
    if (streamGradient === undefined) return;
    gradients.overwrite([input], ([inputGradient]) => kernels.run(cast, { input: streamGradient, output: inputGradient }));
  },
};

/** output = x / sqrt(mean(x²) + epsilon) · weight per row, in float32 at least, rounded once; x = input (+ residual). */
export const rmsNorm = defineOperation<RmsNormCall>("rmsNorm", referenceRmsNorm, { gradient: rmsNormGradient });

function referenceRmsNorm({ input, weight, epsilon, output, residual }: RmsNormCall): void {
  const [rows, features] = [input.numRows, input.rowLength];
  expectShape("rmsNorm", "weight", weight, [features]);
  expectShape("rmsNorm", "output", output, input.shape);
  let x = readFloats(input);
  if (residual !== undefined) {
    expectShape("rmsNorm", "residual", residual, input.shape);
    const sum = readFloats(residual);
    for (let i = 0; i < sum.length; i++) sum[i]! += x[i]!;
    writeFloats(residual, sum);
    x = readFloats(residual);
  }
  const w = readFloats(weight);
  for (let row = 0; row < rows; row++) {
    let squares = 0;
    for (let i = 0; i < features; i++) squares += x[row * features + i]! ** 2;
    const scale = 1 / Math.sqrt(squares / features + epsilon);
    for (let i = 0; i < features; i++) x[row * features + i] = x[row * features + i]! * scale * w[i]!;
  }
  writeFloats(output, x);
}
