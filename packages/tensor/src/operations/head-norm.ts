import { defineOperation } from "../operation.js";
import { readFloats, writeFloats } from "../reference/floats.js";
import type { Tensor } from "../tensor.js";
import { expectShape } from "./expect-shape.js";

export interface HeadNormCall {
  /** [tokens, heads, headDim], normalised in place. */
  readonly heads: Tensor;
  /** [headDim]. */
  readonly weight: Tensor;
  readonly epsilon: number;
}

/** RMSNorm of every head's vector in place: the q/k norm of Qwen3. */
export const headNorm = defineOperation<HeadNormCall>("headNorm", ({ heads, weight, epsilon }) => {
  const headDim = heads.shape[2] ?? -1;
  expectShape("headNorm", "heads", heads, [-1, -1, headDim]);
  expectShape("headNorm", "weight", weight, [headDim]);
  const x = readFloats(heads);
  const w = readFloats(weight);
  for (let start = 0; start < x.length; start += headDim) {
    let squares = 0;
    for (let i = 0; i < headDim; i++) squares += x[start + i]! ** 2;
    const scale = 1 / Math.sqrt(squares / headDim + epsilon);
    for (let i = 0; i < headDim; i++) x[start + i] = x[start + i]! * scale * w[i]!;
  }
  writeFloats(heads, x);
});
