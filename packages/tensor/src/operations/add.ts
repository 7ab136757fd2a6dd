import { defineOperation } from "../operation.js";
import { readFloats, writeFloats } from "../reference/floats.js";
import type { Tensor } from "../tensor.js";
import { expectShape } from "./expect-shape.js";

export interface AddCall {
  readonly a: Tensor;
  /** Shape of `a`. */
  readonly b: Tensor;
  /** Shape of `a`; may be `a` or `b` itself. */
  readonly output: Tensor;
}

/** output = a + b, element by element, rounded once. */
export const add = defineOperation<AddCall>("add", ({ a, b, output }) => {
  expectShape("add", "b", b, a.shape);
  expectShape("add", "output", output, a.shape);
  const [x, y] = [readFloats(a), readFloats(b)];
  for (let i = 0; i < x.length; i++) x[i]! += y[i]!;
  writeFloats(output, x);
});
