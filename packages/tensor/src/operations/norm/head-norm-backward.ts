import { defineOperation } from "../../operation.js";
import { newFloats, readFloats, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "../elements/expect-shape.js";
import { normalizedRowGradient } from "./normalized-row-gradient.js";

export interface HeadNormBackwardCall {
  /** [tokens, heads, headDim]: the heads before the norm. */
  readonly heads: Tensor;
  /** [headDim]. */
  readonly weight: Tensor;
  readonly epsilon: number;
  /** [tokens, heads, headDim]: gradient of the normalised heads. */
  readonly outputGradient: Tensor;
  /** [tokens, heads, headDim]; may be `outputGradient` itself. */
  readonly inputGradient: Tensor;
}

/** Gradient of `headNorm` with respect to the heads; the formula of `rmsNormBackward` for every head's vector. */
export const headNormBackward = defineOperation<HeadNormBackwardCall>(
  "headNormBackward",
  ({ heads, weight, epsilon, outputGradient, inputGradient }) => {
    const headDim = heads.shape[2] ?? -1;
    expectShape("headNormBackward", "heads", heads, [-1, -1, headDim]);
    expectShape("headNormBackward", "weight", weight, [headDim]);
    expectShape("headNormBackward", "outputGradient", outputGradient, heads.shape);
    expectShape("headNormBackward", "inputGradient", inputGradient, heads.shape);
    const [x, w, dy] = [readFloats(heads), readFloats(weight), readFloats(outputGradient)];
    const dx = newFloats(inputGradient, x.length);
    for (let start = 0; start < x.length; start += headDim) normalizedRowGradient(x, w, dy, dx, start, headDim, epsilon);
    writeFloats(inputGradient, dx);
  },
);
