import { defineOperation } from "../../operation.js";
import { readFloats, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "./expect-shape.js";

export interface ScaleBackwardCall {
  /** [rows, features]: what was scaled and capped. */
  readonly input: Tensor;
  readonly factor: number;
  /** Above 0. */
  readonly softCap: number;
  /** [rows, features]: gradient of the output of `scale`. */
  readonly outputGradient: Tensor;
  /** [rows, features]; may be `input` or `outputGradient` itself. */
  readonly inputGradient: Tensor;
}

/** inputGradient = outputGradient · factor · (1 − tanh²(factor · input / cap)): the gradient of `scale` with a soft cap. */
export const scaleBackward = defineOperation<ScaleBackwardCall>(
  "scaleBackward",
  ({ input, factor, softCap, outputGradient, inputGradient }) => {
    expectShape("scaleBackward", "outputGradient", outputGradient, input.shape);
    expectShape("scaleBackward", "inputGradient", inputGradient, input.shape);
    const dy = readFloats(outputGradient);
    const slope = (x: number) => factor * (1 - Math.tanh((x * factor) / softCap) ** 2);
    writeFloats(inputGradient, readFloats(input).map((x, i) => dy[i]! * slope(x)));
  },
);
