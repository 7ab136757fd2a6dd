import { type Checkpoint, weightByteLength, weightFormat, weightQuantisers } from "@elastic-attention/tensor";
import { findNotFinite, hostFloats } from "../host-floats.js";
import { notFinite } from "./unpack-rows.js";

/** Elements that are quantised at once: what they take as float32 stays in the processor's cache. */
const sliceElements = 1 << 18;

/**
 * The bytes of a float matrix in a format in blocks along its rows, which must be whole blocks.
 * @throws ModelConfigError for a value that is not finite
 */
export function quantiseRows(checkpoint: Checkpoint, name: string, format: string): Uint8Array {
  const { type, shape, byteLength } = checkpoint.entry(name);
  const quantise = weightQuantisers.get(format)!;
  const [numRows, rowLength] = [shape[0]!, shape[1]!];
  const [rowBytes, targetRowBytes] = [byteLength / numRows, weightByteLength(weightFormat(format, name), rowLength)];
  const blocks = new Uint8Array(numRows * targetRowBytes);
  const sliceRows = Math.max(1, Math.floor(sliceElements / rowLength));
  for (let row = 0; row < numRows; row += sliceRows) {
    const end = Math.min(row + sliceRows, numRows);
    const values = hostFloats(checkpoint.read(name, { start: row * rowBytes, end: end * rowBytes }), type);
    const broken = findNotFinite(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), "F32");
    if (broken >= 0) throw notFinite(name, row * rowLength + broken);
    quantise(values, blocks.subarray(row * targetRowBytes, end * targetRowBytes));
  }
  return blocks;
}
