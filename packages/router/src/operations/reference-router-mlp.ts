import { type FloatArray, readFloats } from "@elastic-attention/tensor";
import type { RouterLinear } from "../learned/router-weights.js";

/** One linear layer of a router on the host: weight [out, in] row by row, bias [out]. */
export interface HostLinear {
  readonly weight: FloatArray;
  readonly bias: FloatArray;
}

/** Whether SiLU follows a layer: not after the task MLP (index 1) and not after the last layer. */
export function hasActivation(layer: number): boolean {
  return layer !== 1 && layer !== 4;
}

export function hostLinear({ weight, bias }: RouterLinear): HostLinear {
  return { weight: readFloats(weight), bias: readFloats(bias) };
}

/** weight · x + bias */
export function applyLinear({ weight, bias }: HostLinear, x: Float64Array): Float64Array {
  return Float64Array.from(bias, (b, row) => {
    let sum = b;
    for (let i = 0; i < x.length; i++) sum += weight[row * x.length + i]! * x[i]!;
    return sum;
  });
}
