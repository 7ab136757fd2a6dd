export { e4m3Pattern, quantiseRowToE4M3, roundToE4M3 } from "./quantise-e4m3.js";
import { quantiseQ4_K } from "./quantise-q4-k.js";
import { quantiseQ8_0 } from "./quantise-q8-0.js";

/** Rounds finite float32 values, whole blocks, to a format. */
export type Quantise = (values: Float32Array, blocks: Uint8Array) => void;

/** The formats that floats can be rounded to, by name. */
export const weightQuantisers: ReadonlyMap<string, Quantise> = new Map([
  ["Q8_0", quantiseQ8_0],
  ["Q4_K", quantiseQ4_K],
]);
