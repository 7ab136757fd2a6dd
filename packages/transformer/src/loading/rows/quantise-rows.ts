import { type Checkpoint, weightByteLength, weightFormat } from "@elastic-attention/tensor";
import { convertedRows } from "./converted-rows.js";

/**
 * The bytes of a float matrix in a format in blocks along its rows, which must be whole blocks.
 * @throws ModelConfigError for a value that is not finite
 */
export function quantiseRows(checkpoint: Checkpoint, name: string, format: string): Uint8Array {
  const [numRows, rowLength] = checkpoint.entry(name).shape as [number, number];
  const blocks = new Uint8Array(numRows * weightByteLength(weightFormat(format, name), rowLength));
  let filled = 0;
  for (const slice of convertedRows(checkpoint, name, format)) {
    blocks.set(slice, filled);
    filled += slice.length;
  }
  return blocks;
}
