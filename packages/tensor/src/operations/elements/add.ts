import type { GradientRule } from "../../autograd/gradient-rule.js";
import { defineOperation } from "../../operation.js";
import { readFloats, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { cast } from "./cast.js";
import { expectShape } from "./expect-shape.js";
import { scale } from "./scale.js";

export interface AddCall {
  readonly a: Tensor;
  /** Shape of `a`. */
  readonly b: Tensor;
  /** Multiplies `b` (the residual multiplier of Granite). Default 1. */
  readonly scale?: number;
  /** Shape of `a`; may be `a` or `b` itself. */
  readonly output: Tensor;
}

/** Where the output is a summand itself, its gradient already stands where it belongs. */
const addGradient: GradientRule<AddCall> = {
  inputs: (call) => summandsOf(call).filter(({ inPlace }) => !inPlace).map(({ tensor }) => tensor),
  outputs: (call) => (summandsOf(call).some(({ inPlace }) => inPlace) ? [] : [call.output]),
  updates: (call) => (summandsOf(call).some(({ inPlace }) => inPlace) ? [call.output] : []),
  backward(call, gradients) {
    const outputGradient = gradients.incoming(call.output);
    if (outputGradient === undefined) return;
    const { kernels } = gradients.backend;
    let factorInPlace: number | undefined;
    for (const { tensor, factor, inPlace } of summandsOf(call)) {
      if (inPlace) {
        factorInPlace = (factorInPlace ?? 0) + factor;
        continue;
      }
      gradients.overwrite([tensor], ([output]) => {
        if (factor === 1) kernels.run(cast, { input: outputGradient, output });
        else kernels.run(scale, { input: outputGradient, factor, output });
      });
    }
    if (factorInPlace !== undefined && factorInPlace !== 1) {
      kernels.run(scale, { input: outputGradient, factor: factorInPlace, output: outputGradient });
    }
  },
};

/** output = a + scale · b, element by element, rounded once. */
export const add = defineOperation<AddCall>("add", referenceAdd, { gradient: addGradient });

function summandsOf({ a, b, scale: factor = 1, output }: AddCall) {
  return [
    { tensor: a, factor: 1, inPlace: isSameView(a, output) },
    { tensor: b, factor, inPlace: isSameView(b, output) },
  ];
}

function isSameView(a: Tensor, b: Tensor): boolean {
  return a.storage === b.storage && a.offset === b.offset && a.rowStride === b.rowStride;
}

function referenceAdd({ a, b, scale: factor = 1, output }: AddCall): void {
  expectShape("add", "b", b, a.shape);
  expectShape("add", "output", output, a.shape);
  const [x, y] = [readFloats(a), readFloats(b)];
  for (let i = 0; i < x.length; i++) x[i]! += factor * y[i]!;
  writeFloats(output, x);
}
