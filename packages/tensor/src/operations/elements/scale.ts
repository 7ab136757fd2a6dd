import { ShapeError } from "@elastic-attention/core";
import type { GradientRule } from "../../autograd/gradient-rule.js";
import { defineOperation } from "../../operation.js";
import { readFloats, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "./expect-shape.js";
import { scaleBackward } from "./scale-backward.js";

export interface ScaleCall {
  /** [rows, features]. */
  readonly input: Tensor;
  readonly factor: number;
  /** Above 0. Bounds the result smoothly: cap · tanh(factor · input / cap), the logit soft cap of Gemma 2. */
  readonly softCap?: number;
  /** [rows, features]; may be `input` itself where no gradient is wanted or there is no cap. */
  readonly output: Tensor;
}

const scaleGradient: GradientRule<ScaleCall> = {
  inputs: ({ input, output }) => (input.storage === output.storage ? [] : [input]),
  outputs: ({ input, output }) => (input.storage === output.storage ? [] : [output]),
  updates: ({ input, output }) => (input.storage === output.storage ? [output] : []),
  keepsInputs: ({ input, softCap }) => (softCap === undefined ? [] : [input]),
  backward({ input, factor, softCap, output }, gradients) {
    const outputGradient = gradients.incoming(output);
    if (outputGradient === undefined) return;
    const { kernels } = gradients.backend;
    if (input.storage === output.storage) {
      kernels.run(scale, { input: outputGradient, factor, output: outputGradient });
      return;
    }
    gradients.overwrite([input], ([inputGradient]) => {
      if (softCap === undefined) kernels.run(scale, { input: outputGradient, factor, output: inputGradient });
      else kernels.run(scaleBackward, { input, factor, softCap, outputGradient, inputGradient });
    });
  },
};

/** output = factor · input, capped where a soft cap is given, in float32 at least, rounded once. */
export const scale = defineOperation<ScaleCall>("scale", referenceScale, { gradient: scaleGradient });

function referenceScale({ input, factor, softCap, output }: ScaleCall): void {
  expectShape("scale", "output", output, input.shape);
  if (softCap !== undefined) expectSoftCap("scale", softCap);
  const capped = (x: number) => (softCap === undefined ? x : softCap * Math.tanh(x / softCap));
  writeFloats(output, readFloats(input).map((x) => capped(x * factor)));
}

/** @throws ShapeError for a cap that bounds nothing. */
export function expectSoftCap(operation: string, softCap: number): void {
  if (!(softCap > 0 && Number.isFinite(softCap))) throw new ShapeError(`${operation}: the soft cap must be above 0, found ${softCap}.`);
}
