import { ShapeError } from "@elastic-attention/core";
import { defineOperation } from "../../operation.js";
import { readIntegers } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "../elements/expect-shape.js";

/**
 * Which rows go to which expert. Every choice of a row is a slot; slots lie by expert, within an expert by row, so that
 * each expert's rows are one range.
 */
export interface ExpertGroups {
  /** i32 [experts + 1]: expert e has the slots offsets[e] to offsets[e + 1]. */
  readonly offsets: Tensor;
  /** i32 [slots]: the row that a slot holds. */
  readonly rows: Tensor;
  /** i32 [rows, choices]: the slot of each choice. */
  readonly slots: Tensor;
}

export interface GroupByExpertCall {
  /** i32 [rows, choices]: numbers of the chosen experts, as `routeExperts` gives them. */
  readonly chosen: Tensor;
  /** Overwritten. */
  readonly groups: ExpertGroups;
}

/** Sorts the choices of all rows by expert, rows in order within each: a stable counting sort. */
export const groupByExpert = defineOperation<GroupByExpertCall>("groupByExpert", ({ chosen, groups }, backend) => {
  expectShape("groupByExpert", "chosen", chosen, [-1, -1]);
  expectGroups("groupByExpert", groups, chosen.numRows);
  expectShape("groupByExpert", "slots", groups.slots, chosen.shape);
  const experts = groups.offsets.numElements - 1;
  const choices = readIntegers(chosen);
  const offsets = new Int32Array(experts + 1);
  for (const expert of choices) {
    if (expert < 0 || expert >= experts) throw new ShapeError(`groupByExpert: there is no expert ${expert} among ${experts}.`);
    offsets[expert + 1]!++;
  }
  for (let expert = 0; expert < experts; expert++) offsets[expert + 1]! += offsets[expert]!;
  const next = offsets.slice(0, experts);
  const [rows, slots] = [new Int32Array(choices.length), new Int32Array(choices.length)];
  for (const [choice, expert] of choices.entries()) {
    const slot = next[expert]!++;
    rows[slot] = Math.floor(choice / chosen.rowLength);
    slots[choice] = slot;
  }
  backend.write(groups.offsets, offsets);
  backend.write(groups.rows, rows);
  backend.write(groups.slots, slots);
});

/** @throws ShapeError where the tensors of groups do not fit together or the rows */
export function expectGroups(operation: string, { offsets, rows, slots }: ExpertGroups, numRows: number): void {
  expectShape(operation, "slots", slots, [numRows, -1]);
  expectShape(operation, "rows", rows, [slots.numElements]);
  expectShape(operation, "offsets", offsets, [-1]);
  const integers = [offsets, rows, slots].every(({ dtype }) => dtype === "i32");
  if (!integers || offsets.numElements < 2) throw new ShapeError(`${operation}: groups are i32 and have at least one expert.`);
}
