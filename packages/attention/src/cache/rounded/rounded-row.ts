import { e4m3Pattern, fp8Values, fromBFloat16, toBFloat16 } from "@elastic-attention/tensor";
import { type CacheType, scaleBytes, scaledElements } from "./cache-type.js";

/** The smallest power of two, within 2^±60, that brings a magnitude to 448, the largest of e4m3, at most; NaN for what is not finite. */
function scaleOfE4M3(largest: number): number {
  if (!(largest < Infinity)) return NaN;
  if (largest === 0) return 1;
  const exponent = Math.ceil(Math.log2(largest / 448));
  return 2 ** Math.max(-60, Math.min(exponent, 60));
}

/**
 * The bfloat16 pattern of a 127th of a magnitude: to the nearest, so that the largest number is always 127, and rows that are
 * rounded a second time keep their bits. At least 2^-100; NaN for what is not finite.
 */
function scaleOfInt8(largest: number): number {
  if (!(largest < Infinity)) return 0x7fc0;
  return toBFloat16(Math.max(Math.fround(largest / 127), 2 ** -100));
}

/** One key or value as a rounded cache keeps it. */
export function roundedRow(values: ArrayLike<number>, cacheType: CacheType): Uint8Array {
  const row = new Uint8Array(values.length + scaleBytes(values.length, cacheType));
  const bytes = new DataView(row.buffer);
  if (cacheType === "fp8") {
    const scale = scaleOfE4M3(largestOf(values, 0, values.length));
    for (let i = 0; i < values.length; i++) row[i] = e4m3Pattern(values[i]! / scale);
    bytes.setFloat32(values.length, scale, true);
    return row;
  }
  for (let first = 0; first < values.length; first += scaledElements) {
    const end = Math.min(first + scaledElements, values.length);
    const pattern = scaleOfInt8(largestOf(values, first, end));
    const scale = fromBFloat16(pattern);
    for (let i = first; i < end; i++) bytes.setInt8(i, roundToEven(Math.fround(values[i]! / scale)));
    bytes.setUint16(values.length + (first / scaledElements) * 2, pattern, true);
  }
  return row;
}

/** What such a row of so many elements stands for. */
export function roundedRowValues(row: Uint8Array, headDim: number, cacheType: CacheType): Float32Array {
  const bytes = new DataView(row.buffer, row.byteOffset);
  if (cacheType === "fp8") {
    const scale = bytes.getFloat32(headDim, true);
    return Float32Array.from(row.subarray(0, headDim), (pattern) => fp8Values[pattern]! * scale);
  }
  return Float32Array.from({ length: headDim }, (_, i) => bytes.getInt8(i) * fromBFloat16(bytes.getUint16(headDim + Math.floor(i / scaledElements) * 2, true)));
}

/** The largest magnitude; infinity where a number is not finite. */
function largestOf(values: ArrayLike<number>, first: number, end: number): number {
  let largest = 0;
  for (let i = first; i < end; i++) largest = Number.isFinite(values[i]) ? Math.max(largest, Math.abs(values[i]!)) : Infinity;
  return largest;
}

function roundToEven(value: number): number {
  const nearest = Math.round(value);
  return nearest - value === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;
}
