import { ShapeError } from "@elastic-attention/core";
import { defineOperation } from "../../operation.js";
import { readFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "./expect-shape.js";

export interface FirstNotFiniteCall {
  /** Any float tensor of less than 2^31 elements. */
  readonly input: Tensor;
  /** i32 [1]: number of the first element that is no finite number, -1 when all are. */
  readonly output: Tensor;
}

/** Looks for damage where the data is: weights are read straight into device memory. */
export const firstNotFinite = defineOperation<FirstNotFiniteCall>("firstNotFinite", ({ input, output }, backend) => {
  expectShape("firstNotFinite", "output", output, [1]);
  if (output.dtype !== "i32") throw new ShapeError(`firstNotFinite: output is i32, found ${output.dtype}.`);
  backend.write(output, Int32Array.of(readFloats(input).findIndex((value) => !Number.isFinite(value))));
});
