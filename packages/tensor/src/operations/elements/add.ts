import type { GradientRule } from "../../autograd/gradient-rule.js";
import { defineOperation } from "../../operation.js";
import { readFloats, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { cast } from "./cast.js";
import { expectShape } from "./expect-shape.js";

export interface AddCall {
  readonly a: Tensor;
  /** Shape of `a`. */
  readonly b: Tensor;
  /** Shape of `a`; may be `a` or `b` itself. */
  readonly output: Tensor;
}

/** Where the output is a summand itself, its gradient already stands where it belongs. */
const addGradient: GradientRule<AddCall> = {
  inputs: ({ a, b, output }) => [a, b].filter((summand) => !isSameView(summand, output)),
  outputs: (call) => (addGradient.inputs(call).length === 2 ? [call.output] : []),
  updates: (call) => (addGradient.inputs(call).length === 2 ? [] : [call.output]),
  backward(call, gradients) {
    const outputGradient = gradients.incoming(call.output);
    if (outputGradient === undefined) return;
    const summands = addGradient.inputs(call);
    if (summands.length === 0) {
      gradients.backend.kernels.run(add, { a: outputGradient, b: outputGradient, output: outputGradient });
    }
    for (const summand of summands) {
      gradients.overwrite([summand], ([inputGradient]) =>
        gradients.backend.kernels.run(cast, { input: outputGradient, output: inputGradient }),
      );
    }
  },
};

/** output = a + b, element by element, rounded once. */
export const add = defineOperation<AddCall>("add", referenceAdd, { gradient: addGradient });

function isSameView(a: Tensor, b: Tensor): boolean {
  return a.storage === b.storage && a.offset === b.offset && a.rowStride === b.rowStride;
}

function referenceAdd({ a, b, output }: AddCall): void {
  expectShape("add", "b", b, a.shape);
  expectShape("add", "output", output, a.shape);
  const [x, y] = [readFloats(a), readFloats(b)];
  for (let i = 0; i < x.length; i++) x[i]! += y[i]!;
  writeFloats(output, x);
}
