import { defineOperation } from "../../operation.js";
import { newFloats, readFloats, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "../elements/expect-shape.js";
import { type LinearWeight, referenceWeight } from "./linear-weight.js";

export interface LinearInputGradientCall {
  /** [rows, out]: gradient of the output of `linear`. */
  readonly outputGradient: Tensor;
  readonly weight: LinearWeight;
  /** [rows, in]; another storage than `outputGradient`. */
  readonly inputGradient: Tensor;
  /** Adds to what `inputGradient` holds instead of overwriting it. */
  readonly accumulate?: boolean;
}

/**
 * inputGradient = outputGradient · weight (+ inputGradient): the gradient of `linear` with respect to its input, summed
 * in float32 at least and rounded once. The weight is frozen and gets none.
 */
export const linearInputGradient = defineOperation<LinearInputGradientCall>(
  "linearInputGradient",
  ({ outputGradient, weight, inputGradient, accumulate }) => {
    weight.assertAlive();
    const { inFeatures, outFeatures } = weight;
    expectShape("linearInputGradient", "outputGradient", outputGradient, [-1, outFeatures]);
    expectShape("linearInputGradient", "inputGradient", inputGradient, [outputGradient.numRows, inFeatures]);
    const [dy, w] = [readFloats(outputGradient), readFloats(referenceWeight(weight))];
    const dx = accumulate ? readFloats(inputGradient) : newFloats(inputGradient, inputGradient.numElements);
    const sums = new Float64Array(inFeatures);
    for (let row = 0; row < outputGradient.numRows; row++) {
      sums.fill(0);
      for (let out = 0; out < outFeatures; out++) {
        const gradient = dy[row * outFeatures + out]!;
        for (let i = 0, wi = out * inFeatures; i < inFeatures; i++) sums[i]! += gradient * w[wi + i]!;
      }
      for (let i = 0; i < inFeatures; i++) dx[row * inFeatures + i]! += sums[i]!;
    }
    writeFloats(inputGradient, dx);
  },
);
