import type { GradientRule } from "../../autograd/gradient-rule.js";
import { defineOperation } from "../../operation.js";
import { readFloats, readIntegers, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "../elements/expect-shape.js";
import { combineRows } from "./combine-rows.js";
import { type ExpertGroups, expectGroups } from "./expert-groups.js";

export interface DispatchRowsCall {
  /** [rows, features]. */
  readonly input: Tensor;
  readonly groups: ExpertGroups;
  /** [slots, features], dtype of `input`; another storage. */
  readonly output: Tensor;
}

const dispatchGradient: GradientRule<DispatchRowsCall> = {
  inputs: ({ input }) => [input],
  outputs: ({ output }) => [output],
  keepsInputs: ({ groups }) => [groups.offsets, groups.rows, groups.slots],
  backward({ input, groups, output }, gradients) {
    const outputGradient = gradients.incoming(output);
    if (outputGradient === undefined) return;
    gradients.accumulate([input], ([inputGradient], accumulate) =>
      gradients.backend.kernels.run(combineRows, { input: outputGradient, groups, output: inputGradient, accumulate }),
    );
  },
};

/** Copies every row to the slots of the experts it chose. */
export const dispatchRows = defineOperation<DispatchRowsCall>("dispatchRows", referenceDispatch, { gradient: dispatchGradient });

function referenceDispatch({ input, groups, output }: DispatchRowsCall): void {
  expectGroups("dispatchRows", groups, input.numRows);
  expectShape("dispatchRows", "output", output, [groups.rows.numElements, input.rowLength]);
  const features = input.rowLength;
  const x = readFloats(input);
  for (const [slot, row] of readIntegers(groups.rows).entries()) {
    writeFloats(output.rows(slot, slot + 1), x.subarray(row * features, (row + 1) * features));
  }
}
