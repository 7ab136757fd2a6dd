import { defineOperation } from "../../operation.js";
import { newFloats, readFloats, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "../elements/expect-shape.js";
import { normalizedRowGradient } from "./normalized-row-gradient.js";

export interface RmsNormBackwardCall {
  /** [rows, features]: what was normalised (with a residual: the sum). */
  readonly input: Tensor;
  /** [features]. */
  readonly weight: Tensor;
  readonly epsilon: number;
  /** [rows, features]: gradient of the output of `rmsNorm`. */
  readonly outputGradient: Tensor;
  /** [rows, features]; may be `outputGradient` itself. */
  readonly inputGradient: Tensor;
  /** Adds to what `inputGradient` holds (the gradient of a residual stream) instead of overwriting it. */
  readonly accumulate?: boolean;
}

/**
 * Gradient of `rmsNorm` with respect to its input. With r = 1 / sqrt(mean(x²) + epsilon) and u = outputGradient · weight:
 * inputGradient = r · u − x · r³ · mean(u · x), in float32 at least, rounded once.
 */
export const rmsNormBackward = defineOperation<RmsNormBackwardCall>(
  "rmsNormBackward",
  ({ input, weight, epsilon, outputGradient, inputGradient, accumulate }) => {
    const [rows, features] = [input.numRows, input.rowLength];
    expectShape("rmsNormBackward", "weight", weight, [features]);
    expectShape("rmsNormBackward", "outputGradient", outputGradient, input.shape);
    expectShape("rmsNormBackward", "inputGradient", inputGradient, input.shape);
    const [x, w, dy] = [readFloats(input), readFloats(weight), readFloats(outputGradient)];
    const dx = accumulate ? readFloats(inputGradient) : newFloats(inputGradient, x.length);
    for (let row = 0; row < rows; row++) normalizedRowGradient(x, w, dy, dx, row * features, features, epsilon);
    writeFloats(inputGradient, dx);
  },
);
