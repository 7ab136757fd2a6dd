import { toFloat16 } from "../../dtype.js";
import { halfValues } from "../half-values.js";

/** Fractions of the range of a group that are tried as its scale: its ends are then cut a little, which often costs less. */
const narrowings = [1, 0.95, 0.9, 0.85];

const scales = new Float64Array(8);
const minimums = new Float64Array(8);
const fitted = new Float64Array(2);

/**
 * Rounds to Q4_K: blocks of 256 in eight groups, whose scales and minimums have six bits under two halves. Each group's scale and
 * minimum are those of a few candidates, fitted by least squares, that leave the smallest squared error.
 * @param values finite numbers, whole blocks
 */
export function quantiseQ4_K(values: Float32Array, blocks: Uint8Array): void {
  const halves = halfValues();
  for (let from = 0, at = 0; from < values.length; from += 256, at += 144) {
    for (let group = 0; group < 8; group++) {
      fitGroup(values, from + 32 * group);
      scales[group] = fitted[0]!;
      minimums[group] = fitted[1]!;
    }
    const [scalePattern, minimumPattern] = [toFloat16(largest(scales) / 63), toFloat16(largest(minimums) / 63)];
    writeHalf(blocks, at, scalePattern);
    writeHalf(blocks, at + 2, minimumPattern);
    const [scale, minimum] = [halves[scalePattern]!, halves[minimumPattern]!];
    blocks.fill(0, at + 4, at + 144);
    for (let group = 0; group < 8; group++) {
      const [scaleBits, minimumBits] = [sixBits(scales[group]!, scale), sixBits(minimums[group]!, minimum)];
      writeGroup(blocks, at + 4, group, scaleBits, minimumBits);
      const [groupScale, groupMinimum] = [scale * scaleBits, minimum * minimumBits];
      const [inverse, shift] = [groupScale === 0 ? 0 : 1 / groupScale, (group & 1) * 4];
      const to = at + 16 + (group >> 1) * 32;
      for (let i = 0; i < 32; i++) {
        blocks[to + i]! |= nibble((values[from + 32 * group + i]! + groupMinimum) * inverse) << shift;
      }
    }
  }
}

/** Leaves in `fitted` the scale and the minimum, not negative, of 32 values. */
function fitGroup(values: Float32Array, from: number): void {
  let [low, high] = [0, -Infinity];
  for (let i = from; i < from + 32; i++) {
    low = Math.min(low, values[i]!);
    high = Math.max(high, values[i]!);
  }
  fitted[0] = Math.max(0, high - low) / 15;
  fitted[1] = -low;
  if (fitted[0] === 0) return;
  let least = Infinity;
  const range = high - low;
  for (const narrowing of narrowings) {
    const inverse = 15 / (range * narrowing);
    // The middle of the range stays where it is.
    const start = low + (range * (1 - narrowing)) / 2;
    let [sum, squares, products, total] = [0, 0, 0, 0];
    for (let i = from; i < from + 32; i++) {
      const value = values[i]!;
      const integer = nibble((value - start) * inverse);
      sum += integer;
      squares += integer * integer;
      products += integer * value;
      total += value;
    }
    const determinant = 32 * squares - sum * sum;
    if (determinant === 0) continue;
    let scale = (32 * products - sum * total) / determinant;
    let minimum = (sum * products - squares * total) / determinant;
    if (minimum < 0) [scale, minimum] = [products / squares, 0];
    if (!(scale > 0)) continue;
    const error = squaredError(values, from, scale, minimum);
    if (error < least) [least, fitted[0], fitted[1]] = [error, scale, minimum];
  }
}

function squaredError(values: Float32Array, from: number, scale: number, minimum: number): number {
  const inverse = 1 / scale;
  let error = 0;
  for (let i = from; i < from + 32; i++) {
    const value = values[i]!;
    error += (nibble((value + minimum) * inverse) * scale - minimum - value) ** 2;
  }
  return error;
}

function nibble(value: number): number {
  return Math.max(0, Math.min(15, Math.round(value)));
}

function sixBits(value: number, unit: number): number {
  return unit === 0 ? 0 : Math.max(0, Math.min(63, Math.round(value / unit)));
}

function largest(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}

function writeHalf(blocks: Uint8Array, at: number, pattern: number): void {
  blocks[at] = pattern & 255;
  blocks[at + 1] = pattern >> 8;
}

/** Six bits of a scale and a minimum among the 12 bytes; see the reading in `k-quants-with-minimum.ts`. */
function writeGroup(blocks: Uint8Array, at: number, group: number, scale: number, minimum: number): void {
  if (group < 4) {
    blocks[at + group]! |= scale;
    blocks[at + 4 + group]! |= minimum;
    return;
  }
  blocks[at + 4 + group] = (scale & 15) | ((minimum & 15) << 4);
  blocks[at + group - 4]! |= (scale >> 4) << 6;
  blocks[at + group]! |= (minimum >> 4) << 6;
}
