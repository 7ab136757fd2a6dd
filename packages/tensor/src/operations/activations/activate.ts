import type { GradientRule } from "../../autograd/gradient-rule.js";
import { defineOperation } from "../../operation.js";
import { readFloats, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "../elements/expect-shape.js";
import { activateBackward } from "./activate-backward.js";
import { type Activation, activationFunctions } from "./activation-values.js";

export interface ActivateCall {
  /** [rows, features]. */
  readonly input: Tensor;
  readonly activation: Activation;
  /** [rows, features]; may be `input` itself. */
  readonly output: Tensor;
}

const activateGradient: GradientRule<ActivateCall> = {
  inputs: ({ input }) => [input],
  outputs: ({ output }) => [output],
  keepsInputs: ({ input }) => [input],
  backward({ input, activation, output }, gradients) {
    const outputGradient = gradients.incoming(output);
    if (outputGradient === undefined) return;
    gradients.overwrite([input], ([inputGradient]) =>
      gradients.backend.kernels.run(activateBackward, { input, activation, outputGradient, inputGradient }),
    );
  },
};

/** output = activation(input) of an MLP without a gate, in float32 at least, rounded once. */
export const activate = defineOperation<ActivateCall>("activate", referenceActivate, { gradient: activateGradient });

function referenceActivate({ input, activation, output }: ActivateCall): void {
  expectShape("activate", "output", output, input.shape);
  writeFloats(output, readFloats(input).map(activationFunctions[activation].value));
}
