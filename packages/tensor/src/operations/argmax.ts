import { ShapeError } from "@elastic-attention/core";
import { defineOperation } from "../operation.js";
import { readFloats } from "../reference/floats.js";
import type { Tensor } from "../tensor.js";
import { expectShape } from "./elements/expect-shape.js";

export interface ArgmaxCall {
  /** [rows, features]. */
  readonly input: Tensor;
  /** [rows], i32. */
  readonly output: Tensor;
}

/** Index of each row's largest element; the lowest index among equals. */
export const argmax = defineOperation<ArgmaxCall>("argmax", ({ input, output }, backend) => {
  expectShape("argmax", "output", output, [input.numRows]);
  if (output.dtype !== "i32") throw new ShapeError(`argmax: output must be i32, found ${output.dtype}.`);
  const x = readFloats(input);
  const indices = new Int32Array(input.numRows);
  for (let row = 0; row < indices.length; row++) {
    let best = 0;
    const start = row * input.rowLength;
    for (let i = 1; i < input.rowLength; i++) if (x[start + i]! > x[start + best]!) best = i;
    indices[row] = best;
  }
  backend.write(output, indices);
});
