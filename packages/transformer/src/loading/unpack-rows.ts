import { MemoryScope, ModelConfigError } from "@elastic-attention/core";
import { cast, type Checkpoint, type Tensor, weightByteLength, weightFormat } from "@elastic-attention/tensor";
import { findNotFinite } from "../host-floats.js";

/** Elements that are unpacked at once: what they take as float32 stays in the processor's cache. */
const sliceElements = 1 << 19;

/**
 * Fills the dense rows of `target`, in its dtype, with a matrix that is kept in blocks; some rows at a time, so that never
 * more than a slice of it is in memory as float32.
 * @throws ModelConfigError for a value that is not finite
 */
export function unpackRows(target: Tensor, checkpoint: Checkpoint, name: string): void {
  const { type, shape } = checkpoint.entry(name);
  const format = weightFormat(type, name);
  const { backend, dtype } = target;
  const [numRows, rowLength] = [shape[0]!, shape.slice(1).reduce((product, size) => product * size, 1)];
  const rowBytes = weightByteLength(format, rowLength);
  const sliceRows = Math.max(1, Math.min(numRows, Math.floor(sliceElements / rowLength)));
  const values = new Float32Array(sliceRows * rowLength);
  using scope = new MemoryScope();
  const slice = dtype === "f32" ? undefined : scope.track(backend.allocate([sliceRows, rowLength], "f32"));
  for (let row = 0; row < numRows; row += sliceRows) {
    const end = Math.min(row + sliceRows, numRows);
    const part = values.subarray(0, (end - row) * rowLength);
    format.dequantize(checkpoint.read(name, { start: row * rowBytes, end: end * rowBytes }), part);
    const index = findNotFinite(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), "F32");
    if (index >= 0) throw notFinite(name, row * rowLength + index);
    const output = target.rows(row, end);
    if (slice === undefined) backend.write(output, part);
    else {
      const input = slice.rows(0, end - row);
      backend.write(input, part);
      backend.kernels.run(cast, { input, output });
    }
  }
}

/** Error about one element of a tensor. */
export function notFinite(name: string, index: number): ModelConfigError {
  return new ModelConfigError(`${name} holds a value that is not finite (element ${index}).`, "The checkpoint is damaged; download it again.");
}
