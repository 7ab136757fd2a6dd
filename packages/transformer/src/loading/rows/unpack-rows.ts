import { readSync } from "node:fs";
import { ModelConfigError } from "@elastic-attention/core";
import { type Checkpoint, type DType, type Tensor, toFloat16, weightByteLength, weightFormat } from "@elastic-attention/tensor";

/** Elements that are unpacked at once: what they take as float32 stays in the processor's cache. */
const sliceElements = 1 << 18;

/** Memory for one slice after another: fresh memory for each would cost more than the unpacking. It grows to the largest slice. */
export class SliceBuffers {
  #bytes = new Uint8Array(0);
  #floats = new Float32Array(0);
  #halves = new Uint16Array(0);

  bytes(length: number): Uint8Array {
    if (this.#bytes.length < length) this.#bytes = new Uint8Array(length);
    return this.#bytes.subarray(0, length);
  }

  floats(length: number): Float32Array {
    if (this.#floats.length < length) this.#floats = new Float32Array(length);
    return this.#floats.subarray(0, length);
  }

  halves(length: number): Uint16Array {
    if (this.#halves.length < length) this.#halves = new Uint16Array(length);
    return this.#halves.subarray(0, length);
  }
}

/**
 * Fills the dense rows of `target`, in its dtype, with a matrix that is kept in blocks; some rows at a time, so that never
 * more than a slice of it is in memory as float32.
 * @throws ModelConfigError for a value that is not finite, and for a file that has become shorter
 */
export function unpackRows(target: Tensor, checkpoint: Checkpoint, name: string, buffers = new SliceBuffers()): void {
  const { type, shape } = checkpoint.entry(name);
  const format = weightFormat(type, name);
  const { backend, dtype } = target;
  const [numRows, rowLength] = [shape[0]!, shape.slice(1).reduce((product, size) => product * size, 1)];
  const rowBytes = weightByteLength(format, rowLength);
  const sliceRows = Math.max(1, Math.min(numRows, Math.floor(sliceElements / rowLength)));
  for (let row = 0; row < numRows; row += sliceRows) {
    const end = Math.min(row + sliceRows, numRows);
    const length = (end - row) * rowLength;
    const part = buffers.floats(length);
    format.dequantize(readSlice(checkpoint, name, row * rowBytes, end * rowBytes, buffers), part);
    const output = dtype === "f32" ? undefined : buffers.halves(length);
    if (!(output === undefined ? allFinite(part) : roundRows(part, output, dtype))) {
      throw notFinite(name, row * rowLength + part.findIndex((value) => !Number.isFinite(value)));
    }
    backend.write(target.rows(row, end), output ?? part);
  }
}

/** A part of a tensor's bytes; straight from the file where they lie there in this order. */
export function readSlice(checkpoint: Checkpoint, name: string, start: number, end: number, buffers: SliceBuffers): Uint8Array {
  const place = checkpoint.locate(name);
  if (place === undefined) return checkpoint.read(name, { start, end });
  const bytes = buffers.bytes(end - start);
  for (let done = 0; done < bytes.length; ) {
    const count = readSync(place.descriptor, bytes, done, bytes.length - done, place.position + start + done);
    if (count === 0) throw new ModelConfigError(`${checkpoint.path} ends within ${name}.`, "The checkpoint was changed while it was read; download it again.");
    done += count;
  }
  return bytes;
}

/** Error about one element of a tensor. */
export function notFinite(name: string, index: number): ModelConfigError {
  return new ModelConfigError(`${name} holds a value that is not finite (element ${index}).`, "The checkpoint is damaged; download it again.");
}

const exponent = 0x7f800000;
/** Makes an exponent of ones, and no other, reach the sign bit. */
const carry = 0x00800000;

function allFinite(values: Float32Array): boolean {
  const patterns = new Int32Array(values.buffer, values.byteOffset, values.length);
  let carried = 0;
  for (let i = 0; i < patterns.length; i++) carried |= (patterns[i]! & exponent) + carry;
  return carried >= 0;
}

/** Rounds to the nearest, of two to the even one. @returns whether all are finite numbers */
export function roundRows(values: Float32Array, output: Uint16Array, dtype: DType): boolean {
  if (dtype === "f16") {
    for (let i = 0; i < values.length; i++) output[i] = toFloat16(values[i]!);
    return allFinite(values);
  }
  // The same as toBFloat16, without its care for NaN: such a tensor is refused.
  const patterns = new Int32Array(values.buffer, values.byteOffset, values.length);
  let carried = 0;
  for (let i = 0; i < patterns.length; i++) {
    const pattern = patterns[i]!;
    carried |= (pattern & exponent) + carry;
    output[i] = (pattern + 0x7fff + ((pattern >>> 16) & 1)) >>> 16;
  }
  return carried >= 0;
}
