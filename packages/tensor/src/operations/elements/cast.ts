import type { GradientRule } from "../../autograd/gradient-rule.js";
import { defineOperation } from "../../operation.js";
import { readFloats, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "./expect-shape.js";

export interface CastCall {
  /** Any float tensor or view. */
  readonly input: Tensor;
  /** Same shape, any float dtype; with equal dtypes this is a copy. */
  readonly output: Tensor;
}

const castGradient: GradientRule<CastCall> = {
  inputs: ({ input }) => [input],
  outputs: ({ output }) => [output],
  backward({ input, output }, gradients) {
    const outputGradient = gradients.incoming(output);
    if (outputGradient === undefined) return;
    gradients.overwrite([input], ([inputGradient]) =>
      gradients.backend.kernels.run(cast, { input: outputGradient, output: inputGradient }),
    );
  },
};

/** Copies floats between dtypes and strides, rounding to nearest even. */
export const cast = defineOperation<CastCall>("cast", referenceCast, { gradient: castGradient });

function referenceCast({ input, output }: CastCall): void {
  expectShape("cast", "output", output, input.shape);
  writeFloats(output, readFloats(input));
}
