import { toFloat16 } from "../../dtype.js";
import { halfValues } from "../half-values.js";

/**
 * Rounds to Q8_0: blocks of 32 under the half-precision scale that makes the largest magnitude 127. Values so small that no half
 * can scale them become 0.
 * @param values finite numbers, whole blocks, of at most 127 · 65 504
 */
export function quantiseQ8_0(values: Float32Array, blocks: Uint8Array): void {
  const halves = halfValues();
  for (let from = 0, at = 0; from < values.length; from += 32, at += 34) {
    let largest = 0;
    for (let i = from; i < from + 32; i++) largest = Math.max(largest, Math.abs(values[i]!));
    const pattern = toFloat16(largest / 127);
    blocks[at] = pattern & 255;
    blocks[at + 1] = pattern >> 8;
    // The scale that is written, not the one before its rounding, is what integers will be multiplied with.
    const scale = halves[pattern]!;
    const inverse = scale === 0 ? 0 : 1 / scale;
    for (let i = 0; i < 32; i++) blocks[at + 2 + i] = Math.max(-127, Math.min(127, Math.round(values[from + i]! * inverse)));
  }
}
