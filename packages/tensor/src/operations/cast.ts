import { defineOperation } from "../operation.js";
import { readFloats, writeFloats } from "../reference/floats.js";
import type { Tensor } from "../tensor.js";
import { expectShape } from "./expect-shape.js";

export interface CastCall {
  /** Any float tensor or view. */
  readonly input: Tensor;
  /** Same shape, any float dtype; with equal dtypes this is a copy. */
  readonly output: Tensor;
}

/** Copies floats between dtypes and strides, rounding to nearest even. */
export const cast = defineOperation<CastCall>("cast", ({ input, output }) => {
  expectShape("cast", "output", output, input.shape);
  writeFloats(output, readFloats(input));
});
