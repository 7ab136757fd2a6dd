import { mixBits } from "@elastic-attention/core";
import { defineOperation } from "../../operation.js";
import { newFloats, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";

export interface FillNormalCall {
  /** Any float tensor or view. */
  readonly output: Tensor;
  /** 32 bits; another seed gives other values. */
  readonly seed: number;
  /** Standard deviation. */
  readonly deviation: number;
}

/**
 * Normal values that depend on seed and element number only, so that every backend makes the same ones (to within the
 * rounding of a logarithm): weights for measurements, made where they are needed.
 */
export const fillNormal = defineOperation<FillNormalCall>("fillNormal", ({ output, seed, deviation }) => {
  const values = newFloats(output, output.numElements);
  for (let i = 0; i < values.length; i++) {
    const [first, second] = [mixBits(seed ^ Math.imul(i, 0x9e3779b1)), mixBits((seed + 0x7f4a7c15) ^ Math.imul(i, 0x85ebca6b))];
    const radius = Math.sqrt(-2 * Math.log((first + 0.5) / 2 ** 32));
    values[i] = deviation * radius * Math.cos((2 * Math.PI * second) / 2 ** 32);
  }
  writeFloats(output, values);
});
