/** The numbers of all patterns of an 8-bit float with four bits of exponent (bias 7), three of mantissa, no infinity; 0x7f and 0xff are NaN. */
export const fp8Values: Float32Array = Float32Array.from({ length: 256 }, (_, pattern) => {
  const [sign, exponent, mantissa] = [pattern & 0x80 ? -1 : 1, (pattern >> 3) & 15, pattern & 7];
  if (exponent === 15 && mantissa === 7) return NaN;
  return sign * (exponent === 0 ? mantissa * 2 ** -9 : (8 + mantissa) * 2 ** (exponent - 10));
});

/** Bytes as signed integers. */
export const int8Values: Float32Array = Float32Array.from({ length: 256 }, (_, pattern) => (pattern < 128 ? pattern : pattern - 256));

/** Which weights share a scale: rectangles of a matrix, those at its ends cut by its shape. */
export interface ScaleGrid {
  readonly rows: number;
  readonly columns: number;
  readonly blockRows: number;
  readonly blockColumns: number;
}

/**
 * value = byte's number · scale, rounded once: fp8 and int8 weights with a scale for the tensor, for each row, or for each block.
 * @param bytes [rows, columns]
 * @param numbers what each byte stands for: `fp8Values` or `int8Values`
 * @param scales [ceil(rows / blockRows), ceil(columns / blockColumns)]
 */
export function dequantizeBytes(bytes: Uint8Array, numbers: Float32Array, scales: Float32Array, grid: ScaleGrid, values: Float32Array): void {
  const { rows, columns, blockRows, blockColumns } = grid;
  const scalesOfRow = Math.ceil(columns / blockColumns);
  for (let row = 0, at = 0; row < rows; row++) {
    let scaleAt = Math.floor(row / blockRows) * scalesOfRow;
    for (let column = 0; column < columns; column += blockColumns) {
      const scale = scales[scaleAt++]!;
      for (const end = at + Math.min(blockColumns, columns - column); at < end; at++) values[at] = numbers[bytes[at]!]! * scale;
    }
  }
}
