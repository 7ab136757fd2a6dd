import { ShapeError } from "@elastic-attention/core";
import { defineOperation } from "../../operation.js";
import { newFloats, readFloats, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "../elements/expect-shape.js";

export interface RotaryTablesCall {
  /** f32 [headDim / 2]: radians a position, scaled as the model wants it. */
  readonly frequencies: Tensor;
  /** Multiplies cosine and sine: the attention factor of the scaling. */
  readonly scale: number;
  /** f32 [positions, headDim / 2]. */
  readonly cosine: Tensor;
  readonly sine: Tensor;
}

/** Cosine and sine of position · frequency, the angle rounded to float32 as every implementation computes it. */
export const rotaryTables = defineOperation<RotaryTablesCall>("rotaryTables", ({ frequencies, scale, cosine, sine }) => {
  const half = frequencies.numElements;
  expectShape("rotaryTables", "cosine", cosine, [-1, half]);
  expectShape("rotaryTables", "sine", sine, cosine.shape);
  if (frequencies.dtype !== "f32") throw new ShapeError(`rotaryTables: frequencies are f32, found ${frequencies.dtype}.`);
  const radians = readFloats(frequencies);
  const [c, s] = [newFloats(cosine, cosine.numElements), newFloats(sine, sine.numElements)];
  for (let position = 0; position < cosine.numRows; position++) {
    for (let pair = 0; pair < half; pair++) {
      const angle = Math.fround(position * radians[pair]!);
      c[position * half + pair] = Math.cos(angle) * scale;
      s[position * half + pair] = Math.sin(angle) * scale;
    }
  }
  writeFloats(cosine, c);
  writeFloats(sine, s);
});
