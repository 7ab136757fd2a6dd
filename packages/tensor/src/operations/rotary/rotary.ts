import { ShapeError } from "@elastic-attention/core";
import type { GradientRule } from "../../autograd/gradient-rule.js";
import { defineOperation } from "../../operation.js";
import { readFloats, readIntegers, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "../elements/expect-shape.js";

export interface RotaryCall {
  /** [tokens, heads, headDim], rotated in place. */
  readonly heads: Tensor;
  /** [tokens], i32: row of the tables for each token. */
  readonly positions: Tensor;
  /** [positions, headDim / 2], f32, the attention factor of the scaling already in it. */
  readonly cosine: Tensor;
  readonly sine: Tensor;
  /**
   * Rotates backwards (the sine negated): the transpose of the rotation, and so its own gradient, attention factor
   * included; the inverse where that factor is 1. Default false.
   */
  readonly inverse?: boolean;
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

/** Rotary position embedding in place, half-split (NeoX) layout: element i pairs with element i + headDim / 2. */
export const rotary = defineOperation<RotaryCall>("rotary", referenceRotary, { gradient: rotaryGradient });

function referenceRotary({ heads, positions, cosine, sine, inverse = false }: RotaryCall): void {
  const [tokens, numHeads, headDim] = [heads.shape[0]!, heads.shape[1] ?? -1, heads.shape[2] ?? -1];
  const half = headDim / 2;
  expectShape("rotary", "heads", heads, [tokens, numHeads, headDim]);
  expectShape("rotary", "positions", positions, [tokens]);
  expectShape("rotary", "cosine", cosine, [-1, half]);
  expectShape("rotary", "sine", sine, cosine.shape);
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
        const [a, b, c, s] = [x[start + i]!, x[start + half + i]!, cos[table + i]!, direction * sin[table + i]!];
        x[start + i] = a * c - b * s;
        x[start + half + i] = b * c + a * s;
      }
    }
  }
  writeFloats(heads, x);
}
