import { defineOperation } from "../../operation.js";
import { readFloats, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "../elements/expect-shape.js";
import { type Activation, activationFunctions } from "./activation-values.js";

export interface ActivateBackwardCall {
  /** [rows, features]: what was activated. */
  readonly input: Tensor;
  readonly activation: Activation;
  /** [rows, features]: gradient of the output of `activate`. */
  readonly outputGradient: Tensor;
  /** [rows, features]; may be `input` or `outputGradient` itself. */
  readonly inputGradient: Tensor;
}

/** inputGradient = outputGradient · activation′(input), in float32 at least, rounded once. */
export const activateBackward = defineOperation<ActivateBackwardCall>(
  "activateBackward",
  ({ input, activation, outputGradient, inputGradient }) => {
    expectShape("activateBackward", "outputGradient", outputGradient, input.shape);
    expectShape("activateBackward", "inputGradient", inputGradient, input.shape);
    const dy = readFloats(outputGradient);
    const { derivative } = activationFunctions[activation];
    writeFloats(inputGradient, readFloats(input).map((x, i) => dy[i]! * derivative(x)));
  },
);
