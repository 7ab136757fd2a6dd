import { defineOperation } from "../operation.js";
import { readFloats, writeFloats } from "../reference/floats.js";
import type { Tensor } from "../tensor.js";
import { expectShape } from "./elements/expect-shape.js";

export interface SoftmaxCall {
  /** [rows, features]. */
  readonly input: Tensor;
  /** [rows, features]; may be `input` itself. */
  readonly output: Tensor;
}

/** Softmax over each row, with the row's maximum subtracted. */
export const softmax = defineOperation<SoftmaxCall>("softmax", ({ input, output }) => {
  expectShape("softmax", "output", output, input.shape);
  const x = readFloats(input);
  for (let start = 0; start < x.length; start += input.rowLength) {
    const row = x.subarray(start, start + input.rowLength);
    let maximum = -Infinity;
    for (const value of row) maximum = Math.max(maximum, value);
    let sum = 0;
    for (let i = 0; i < row.length; i++) sum += row[i] = Math.exp(row[i]! - maximum);
    for (let i = 0; i < row.length; i++) row[i]! /= sum;
  }
  writeFloats(output, x);
});
