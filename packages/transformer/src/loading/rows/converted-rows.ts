import { ModelConfigError } from "@elastic-attention/core";
import { type Checkpoint, toFloat16, weightByteLength, weightFormat, weightQuantisers } from "@elastic-attention/tensor";
import { type RotatedRows, rowsOfNeighbours } from "../gguf/rotated-rows.js";
import { findNotFinite, finiteFloats } from "../host-floats.js";
import { notFinite, roundRows } from "./unpack-rows.js";

/** Elements that are converted at once: what they take as float32 stays in the processor's cache, whatever the tensor's size. */
const sliceElements = 1 << 18;

export interface RowChanges {
  /** Size of the heads whose rows are put in the order in which neighbours are rotated together. */
  readonly rotatedHeadDim?: number | undefined;
  /** What is added to each number: GGUF files keep the gains of some norms with the 1 that transformers adds to them. */
  readonly added?: number;
}

/**
 * The bytes of a tensor in a type, slice by slice; its own bytes where it has that type already.
 * @throws ModelConfigError for a value that is not finite, or beyond the type
 */
export function* convertedRows(checkpoint: Checkpoint, name: string, type: string, { rotatedHeadDim, added = 0 }: RowChanges = {}): Generator<Uint8Array> {
  const { shape, type: source, byteLength } = checkpoint.entry(name);
  // Vectors may be rotated too: each element is a row.
  const rowLength = shape.length === 1 && rotatedHeadDim !== undefined ? 1 : shape.at(-1)!;
  const numRows = shape.reduce((product, size) => product * size, 1) / rowLength;
  const rowBytes = byteLength / numRows;
  const heads: RotatedRows | undefined = rotatedHeadDim === undefined ? undefined : { headDim: rotatedHeadDim, rowBytes };
  const unit = rotatedHeadDim ?? 1;
  const sliceRows = unit * Math.max(1, Math.floor(sliceElements / (rowLength * unit)));
  for (let row = 0; row < numRows; row += sliceRows) {
    const stored = checkpoint.read(name, { start: row * rowBytes, end: Math.min(row + sliceRows, numRows) * rowBytes });
    const bytes = heads === undefined ? stored : rowsOfNeighbours(stored, heads);
    if (source === type && added === 0) {
      const broken = findNotFinite(bytes, type);
      if (broken >= 0) throw notFinite(name, row * rowLength + broken);
      yield bytes;
      continue;
    }
    const values = finiteFloats(bytes, source, name, row * rowLength);
    yield encodeFloats(added === 0 ? values : values.map((value) => value + added), type, name);
  }
}

/** Finite numbers, whole blocks, as the bytes of a type. @throws ModelConfigError for numbers beyond it */
export function encodeFloats(values: Float32Array, type: string, name: string): Uint8Array {
  if (type === "F32") return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const bytes = new Uint8Array(weightByteLength(weightFormat(type, name), values.length));
  const quantise = weightQuantisers.get(type);
  if (quantise !== undefined) quantise(values, bytes);
  else if (type === "F16") new Uint16Array(bytes.buffer).set(Uint16Array.from(values, toFloat16));
  else if (type === "BF16") roundRows(values, new Uint16Array(bytes.buffer), "bf16");
  else throw new RangeError(`Floats cannot be written as ${type}.`);
  const broken = findNotFinite(bytes, type);
  if (broken < 0) return bytes;
  throw new ModelConfigError(`${name} has the value ${values[broken]}, which is beyond ${type}.`, "Take --weights bf16, whose numbers go as far as those of float32.");
}
