import { ShapeError } from "@elastic-attention/core";
import { dequantizeBytes, fp8Values, int8Values } from "../../weight-formats/scaled/byte-values.js";

/** Formats of matrices whose scales lie beside their numbers, as safetensors have them. */
export const scaledFormats = ["F8_E4M3", "I8", "I4"] as const;
export type ScaledFormat = (typeof scaledFormats)[number];

/** A matrix [rows, columns] whose scales lie beside its numbers: weight = (number - zero point) · scale. */
export interface ScaledMatrix {
  /** What errors call it: the name of its tensor. */
  readonly name?: string;
  readonly format: ScaledFormat;
  readonly rows: number;
  readonly columns: number;
  /** A byte a number; of I4 two numbers, unsigned, to a byte, the low half first. */
  readonly bytes: Uint8Array;
  /** [ceil(rows / blockRows), ceil(columns / blockColumns)]. */
  readonly scales: Float32Array;
  readonly blockRows: number;
  readonly blockColumns: number;
  /** Of I4: as many as scales. */
  readonly zeros?: Float32Array;
}

export function isScaledMatrix(matrix: { readonly format: string }): matrix is ScaledMatrix {
  return (scaledFormats as readonly string[]).includes(matrix.format);
}

/** @throws ShapeError for parts that do not fit together, or values that are not finite */
export function checkScaledMatrix({ format, rows, columns, bytes, scales, blockRows, blockColumns, zeros }: ScaledMatrix): void {
  const count = Math.ceil(rows / blockRows) * Math.ceil(columns / blockColumns);
  const expected = format === "I4" ? (rows * columns) / 2 : rows * columns;
  if (bytes.length !== expected) throw new ShapeError(`packBlocks: [${rows}, ${columns}] in ${format} is ${expected} bytes, found ${bytes.length}.`);
  if (scales.length !== count) throw new ShapeError(`packBlocks: [${rows}, ${columns}] in ${format} has ${count} scales, found ${scales.length}.`);
  if (format === "I4" && (zeros?.length !== count || blockRows !== 1)) throw new ShapeError("packBlocks: I4 has a zero point beside each scale, and a scale for each row.");
}

/** What the numbers stand for, in float32. */
export function scaledValues({ format, rows, columns, bytes, scales, blockRows, blockColumns, zeros }: ScaledMatrix): Float32Array {
  const values = new Float32Array(rows * columns);
  if (format !== "I4") {
    dequantizeBytes(bytes, format === "I8" ? int8Values : fp8Values, scales, { rows, columns, blockRows, blockColumns }, values);
    return values;
  }
  const groups = Math.ceil(columns / blockColumns);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at++) {
      const group = row * groups + Math.floor(column / blockColumns);
      values[at] = (((bytes[at >> 1]! >> (4 * (at & 1))) & 15) - zeros![group]!) * scales[group]!;
    }
  }
  return values;
}
