import { ShapeError } from "@elastic-attention/core";
import type { GradientRule } from "../../autograd/gradient-rule.js";
import type { FloatDType } from "../../dtype.js";
import { defineOperation } from "../../operation.js";
import { addDotProducts } from "../../reference/dot-products.js";
import { newFloats, readFloats, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "../elements/expect-shape.js";
import { linearInputGradient } from "./linear-input-gradient.js";
import { LinearWeight, referenceWeight } from "./linear-weight.js";

export interface PackLinearCall {
  /** Row-major float matrices [out_i, in], joined along their outputs (fused q, k, v or gate, up). */
  readonly weights: readonly Tensor[];
  readonly dtype: FloatDType;
}

/** Packs one or more weight matrices into one {@link LinearWeight}. The inputs may be disposed afterwards. */
export const packLinear = defineOperation<PackLinearCall, LinearWeight>("packLinear", ({ weights, dtype }, backend) => {
  const first = weights[0];
  if (first === undefined) throw new ShapeError("packLinear: no weight given.");
  const inFeatures = first.shape[1] ?? -1;
  for (const weight of weights) expectShape("packLinear", "weight", weight, [-1, inFeatures]);
  const outFeatures = weights.reduce((sum, weight) => sum + weight.numRows, 0);
  const packed = backend.allocate([outFeatures, inFeatures], dtype);
  let row = 0;
  try {
    for (const weight of weights) {
      writeFloats(packed.rows(row, row + weight.numRows), readFloats(weight));
      row += weight.numRows;
    }
  } catch (error) {
    packed.dispose();
    throw error;
  }
  return new LinearWeight(backend, packed.storage, outFeatures, inFeatures, dtype);
});

export interface LinearCall {
  /** [rows, in], f32 or the weight's dtype. */
  readonly input: Tensor;
  readonly weight: LinearWeight;
  /** [out], any float dtype. */
  readonly bias?: Tensor;
  /** [rows, out]. */
  readonly output: Tensor;
  /** Adds to what `output` holds (a residual stream) instead of overwriting it. */
  readonly accumulate?: boolean;
}

/** Moves the gradient of the output to the input; weight and bias are frozen. */
const linearGradient: GradientRule<LinearCall> = {
  inputs: ({ input }) => [input],
  outputs: ({ output, accumulate = false }) => (accumulate ? [] : [output]),
  updates: ({ output, accumulate = false }) => (accumulate ? [output] : []),
  backward({ input, weight, output }, gradients) {
    const outputGradient = gradients.incoming(output);
    if (outputGradient === undefined) return;
    gradients.accumulate([input], ([inputGradient], accumulate) =>
      gradients.backend.kernels.run(linearInputGradient, { outputGradient, weight, inputGradient, accumulate }),
    );
  },
};

/** output = input · weightᵀ (+ bias) (+ output), summed in float32 at least and rounded once. */
export const linear = defineOperation<LinearCall>("linear", referenceLinear, { gradient: linearGradient });

function referenceLinear({ input, weight, bias, output, accumulate }: LinearCall): void {
  weight.assertAlive();
  const { inFeatures, outFeatures } = weight;
  expectShape("linear", "input", input, [-1, inFeatures]);
  expectShape("linear", "output", output, [input.numRows, outFeatures]);
  if (bias !== undefined) expectShape("linear", "bias", bias, [outFeatures]);
  const x = readFloats(input);
  const w = readFloats(referenceWeight(weight));
  const b = bias === undefined ? undefined : readFloats(bias);
  const y = accumulate ? readFloats(output) : newFloats(output, output.numElements);
  const starts = Int32Array.from({ length: outFeatures }, (_, out) => out * inFeatures);
  const sums = new Float64Array(outFeatures);
  for (let row = 0; row < input.numRows; row++) {
    if (b === undefined) sums.fill(0);
    else sums.set(b);
    addDotProducts(x, row * inFeatures, w, starts, inFeatures, sums);
    for (let out = 0; out < outFeatures; out++) y[row * outFeatures + out]! += sums[out]!;
  }
  writeFloats(output, y);
}
