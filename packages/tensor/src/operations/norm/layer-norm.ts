import type { GradientRule } from "../../autograd/gradient-rule.js";
import { defineOperation } from "../../operation.js";
import { readFloats, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "../elements/expect-shape.js";
import { layerNormBackward } from "./layer-norm-backward.js";

export interface LayerNormCall {
  /** [rows, features]. */
  readonly input: Tensor;
  /** [features]. */
  readonly weight: Tensor;
  /** [features]. */
  readonly bias?: Tensor;
  readonly epsilon: number;
  /** [rows, features]; may be `input` itself. */
  readonly output: Tensor;
}

const layerNormGradient: GradientRule<LayerNormCall> = {
  inputs: ({ input }) => [input],
  outputs: ({ output }) => [output],
  keepsInputs: ({ input }) => [input],
  backward({ input, weight, epsilon, output }, gradients) {
    const outputGradient = gradients.incoming(output);
    if (outputGradient === undefined) return;
    gradients.accumulate([input], ([inputGradient], accumulate) =>
      gradients.backend.kernels.run(layerNormBackward, { input, weight, epsilon, outputGradient, inputGradient, accumulate }),
    );
  },
};

/**
 * output = (x − mean(x)) / sqrt(var(x) + epsilon) · weight (+ bias) per row of x = input, with the variance over all
 * features, in float32 at least, rounded once.
 */
export const layerNorm = defineOperation<LayerNormCall>("layerNorm", referenceLayerNorm, { gradient: layerNormGradient });

function referenceLayerNorm({ input, weight, bias, epsilon, output }: LayerNormCall): void {
  const [rows, features] = [input.numRows, input.rowLength];
  expectShape("layerNorm", "weight", weight, [features]);
  if (bias !== undefined) expectShape("layerNorm", "bias", bias, [features]);
  expectShape("layerNorm", "output", output, input.shape);
  const [x, w] = [readFloats(input), readFloats(weight)];
  const b = bias === undefined ? undefined : readFloats(bias);
  for (let row = 0; row < rows; row++) {
    const values = x.subarray(row * features, (row + 1) * features);
    let sum = 0;
    for (const value of values) sum += value;
    const mean = sum / features;
    let squares = 0;
    for (const value of values) squares += (value - mean) ** 2;
    const scale = 1 / Math.sqrt(squares / features + epsilon);
    for (let i = 0; i < features; i++) values[i] = (values[i]! - mean) * scale * w[i]! + (b === undefined ? 0 : b[i]!);
  }
  writeFloats(output, x);
}
