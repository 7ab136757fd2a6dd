import type { GradientRule } from "../../autograd/gradient-rule.js";
import { defineOperation } from "../../operation.js";
import { newFloats, readFloats, readIntegers, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "../elements/expect-shape.js";
import { combineRowsBackward } from "./combine-rows-backward.js";
import { type ExpertGroups, expectGroups } from "./expert-groups.js";

export interface CombineRowsCall {
  /** [slots, features]: what the experts gave. */
  readonly input: Tensor;
  readonly groups: ExpertGroups;
  /** f32 [rows, choices]; all 1 where missing. */
  readonly weights?: Tensor;
  /** [rows, features]; another storage than `input`. */
  readonly output: Tensor;
  /** Adds to what `output` holds (a residual stream) instead of overwriting it. */
  readonly accumulate?: boolean;
}

const combineGradient: GradientRule<CombineRowsCall> = {
  inputs: ({ input, weights }) => (weights === undefined ? [input] : [input, weights]),
  outputs: ({ output, accumulate = false }) => (accumulate ? [] : [output]),
  updates: ({ output, accumulate = false }) => (accumulate ? [output] : []),
  keepsInputs: ({ input, groups, weights }) => [groups.offsets, groups.rows, groups.slots, ...(weights === undefined ? [] : [input, weights])],
  backward({ input, groups, weights, output }, gradients) {
    const outputGradient = gradients.incoming(output);
    if (outputGradient === undefined) return;
    const { kernels } = gradients.backend;
    if (weights === undefined) {
      gradients.overwrite([input], ([inputGradient]) =>
        kernels.run(combineRowsBackward, { input, groups, outputGradient, inputGradient }),
      );
    } else {
      gradients.overwrite([input, weights], ([inputGradient, weightsGradient]) =>
        kernels.run(combineRowsBackward, { input, groups, weights, outputGradient, inputGradient, weightsGradient }),
      );
    }
  },
};

/** output[row] (+)= Σ weights[row, choice] · input[slots[row, choice]], in the order of the choices, in float32 at least, rounded once. */
export const combineRows = defineOperation<CombineRowsCall>("combineRows", referenceCombine, { gradient: combineGradient });

function referenceCombine({ input, groups, weights, output, accumulate = false }: CombineRowsCall): void {
  const [rows, features, choices] = [output.numRows, output.rowLength, groups.slots.rowLength];
  expectGroups("combineRows", groups, rows);
  expectShape("combineRows", "input", input, [rows * choices, features]);
  if (weights !== undefined) expectShape("combineRows", "weights", weights, [rows, choices]);
  const [x, slots] = [readFloats(input), readIntegers(groups.slots)];
  const w = weights === undefined ? undefined : readFloats(weights);
  const y = accumulate ? readFloats(output) : newFloats(output, output.numElements);
  for (const [choice, slot] of slots.entries()) {
    const target = Math.floor(choice / choices) * features;
    for (let i = 0; i < features; i++) y[target + i]! += (w === undefined ? 1 : w[choice]!) * x[slot * features + i]!;
  }
  writeFloats(output, y);
}
