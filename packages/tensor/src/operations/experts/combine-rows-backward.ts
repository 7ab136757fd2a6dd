import { defineOperation } from "../../operation.js";
import { newFloats, readFloats, readIntegers, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "../elements/expect-shape.js";
import { type ExpertGroups, expectGroups } from "./expert-groups.js";

export interface CombineRowsBackwardCall {
  /** [slots, features]: what the experts gave. */
  readonly input: Tensor;
  readonly groups: ExpertGroups;
  /** f32 [rows, choices]; all 1 where missing. */
  readonly weights?: Tensor;
  /** [rows, features]: gradient of the output of `combineRows`. */
  readonly outputGradient: Tensor;
  /** [slots, features]; another storage than `outputGradient`. */
  readonly inputGradient: Tensor;
  /** f32 [rows, choices]. */
  readonly weightsGradient?: Tensor;
}

/**
 * Gradients of `combineRows`: inputGradient[slot] = weight · outputGradient[row] and weightsGradient = the inner product of
 * outputGradient[row] with the slot's input, in float32 at least, rounded once.
 */
export const combineRowsBackward = defineOperation<CombineRowsBackwardCall>(
  "combineRowsBackward",
  ({ input, groups, weights, outputGradient, inputGradient, weightsGradient }) => {
    const [rows, features, choices] = [outputGradient.numRows, outputGradient.rowLength, groups.slots.rowLength];
    expectGroups("combineRowsBackward", groups, rows);
    expectShape("combineRowsBackward", "input", input, [rows * choices, features]);
    expectShape("combineRowsBackward", "inputGradient", inputGradient, input.shape);
    for (const [name, tensor] of Object.entries({ weights, weightsGradient })) {
      if (tensor !== undefined) expectShape("combineRowsBackward", name, tensor, [rows, choices]);
    }
    const [x, dy, slots] = [readFloats(input), readFloats(outputGradient), readIntegers(groups.slots)];
    const w = weights === undefined ? undefined : readFloats(weights);
    const [dx, dw] = [newFloats(inputGradient, x.length), newFloats(outputGradient, slots.length)];
    for (const [choice, slot] of slots.entries()) {
      const row = Math.floor(choice / choices) * features;
      for (let i = 0; i < features; i++) {
        dx[slot * features + i] = (w === undefined ? 1 : w[choice]!) * dy[row + i]!;
        dw[choice]! += dy[row + i]! * x[slot * features + i]!;
      }
    }
    writeFloats(inputGradient, dx);
    if (weightsGradient !== undefined) writeFloats(weightsGradient, dw);
  },
);
