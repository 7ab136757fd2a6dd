import { fromFloat16 } from "../dtype.js";

let table: Float32Array | undefined;

/** The number of every half-precision pattern (256 KiB, made when first needed): what reading a scale costs in a loop. */
export function halfValues(): Float32Array {
  return (table ??= Float32Array.from({ length: 65_536 }, (_, pattern) => fromFloat16(pattern)));
}
