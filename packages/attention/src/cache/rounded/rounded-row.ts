import { e4m3Pattern, fp8Values } from "@elastic-attention/tensor";

/** The smallest power of two, within 2^±60, that brings a magnitude to 448, the largest of e4m3, at most; NaN for what is not finite. */
function scaleOf(largest: number): number {
  if (!(largest < Infinity)) return NaN;
  if (largest === 0) return 1;
  const exponent = Math.ceil(Math.log2(largest / 448));
  return 2 ** Math.max(-60, Math.min(exponent, 60));
}

/** One key or value as a cache in fp8 keeps it. */
export function roundedRow(values: ArrayLike<number>): Uint8Array {
  const row = new Uint8Array(values.length + 4);
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Number.isFinite(values[i]) ? Math.max(largest, Math.abs(values[i]!)) : Infinity;
  const scale = scaleOf(largest);
  for (let i = 0; i < values.length; i++) row[i] = e4m3Pattern(values[i]! / scale);
  new DataView(row.buffer).setFloat32(values.length, scale, true);
  return row;
}

/** What such a row stands for. */
export function roundedRowValues(row: Uint8Array): Float32Array {
  const scale = new DataView(row.buffer, row.byteOffset).getFloat32(row.length - 4, true);
  return Float32Array.from(row.subarray(0, -4), (pattern) => fp8Values[pattern]! * scale);
}
