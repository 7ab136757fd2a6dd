import { ShapeError } from "@elastic-attention/core";
import type { GradientRule } from "../../autograd/gradient-rule.js";
import { defineOperation } from "../../operation.js";
import { readFloats, readIntegers, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "../elements/expect-shape.js";

/** "halves": element i with element i + turned / 2 (NeoX, Llama as published); "neighbours": 2i with 2i + 1 (GPT-J, GLM, Cohere). */
export type RotaryPairs = "halves" | "neighbours";

export interface RotaryCall {
  /** [tokens, heads, headDim], rotated in place. */
  readonly heads: Tensor;
  /** [tokens], i32: row of the tables for each token. */
  readonly positions: Tensor;
  /**
   * [positions, turned / 2], f32, the attention factor of the scaling already in it. Its width says how many elements of a
   * head are turned: the first ones; the others stay as they are (partial rotary embedding).
   */
  readonly cosine: Tensor;
  readonly sine: Tensor;
  /**
   * Rotates backwards (the sine negated): the transpose of the rotation, and so its own gradient, attention factor
   * included; the inverse where that factor is 1. Default false.
   */
  readonly inverse?: boolean;
  /** Which elements turn together. Default "halves". */
  readonly pairs?: RotaryPairs;
}

const rotaryGradient: GradientRule<RotaryCall> = {
  inputs: () => [],
  outputs: () => [],
  updates: ({ heads }) => [heads],
  backward(call, gradients) {
    const heads = gradients.incoming(call.heads);
    if (heads !== undefined) gradients.backend.kernels.run(rotary, { ...call, heads, inverse: !(call.inverse ?? false) });
  },
};

/** Rotary position embedding in place, of whole heads or of their first elements. */
export const rotary = defineOperation<RotaryCall>("rotary", referenceRotary, { gradient: rotaryGradient });

function referenceRotary({ heads, positions, cosine, sine, inverse = false, pairs = "halves" }: RotaryCall): void {
  const [tokens, numHeads, headDim] = [heads.shape[0]!, heads.shape[1] ?? -1, heads.shape[2] ?? -1];
  const half = turnedHalf(headDim, cosine);
  expectShape("rotary", "heads", heads, [tokens, numHeads, headDim]);
  expectShape("rotary", "positions", positions, [tokens]);
  expectShape("rotary", "sine", sine, cosine.shape);
  const [step, apart] = pairs === "halves" ? [1, half] : [2, 1];
  const x = readFloats(heads);
  const rows = readIntegers(positions);
  const [cos, sin] = [readFloats(cosine), readFloats(sine)];
  const direction = inverse ? -1 : 1;
  for (let token = 0; token < tokens; token++) {
    const table = rows[token]! * half;
    if (rows[token]! < 0 || rows[token]! >= cosine.numRows) {
      throw new ShapeError(`rotary: position ${rows[token]} is outside a table of ${cosine.numRows} positions.`);
    }
    for (let head = 0; head < numHeads; head++) {
      const start = (token * numHeads + head) * headDim;
      for (let i = 0; i < half; i++) {
        const [first, second] = [start + step * i, start + step * i + apart];
        const [a, b, c, s] = [x[first]!, x[second]!, cos[table + i]!, direction * sin[table + i]!];
        x[first] = a * c - b * s;
        x[second] = b * c + a * s;
      }
    }
  }
  writeFloats(heads, x);
}

/** Pairs of a head that the tables turn. @throws ShapeError where they turn none, or more than there are */
export function turnedHalf(headDim: number, cosine: Tensor): number {
  expectShape("rotary", "cosine", cosine, [-1, -1]);
  const half = cosine.rowLength;
  if (half < 1 || 2 * half > headDim) {
    throw new ShapeError(`rotary: tables of ${half} pairs do not fit heads of ${headDim} elements.`);
  }
  return half;
}
