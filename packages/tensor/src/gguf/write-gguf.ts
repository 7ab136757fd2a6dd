import { writeFileWhole } from "@elastic-attention/core";
import { ggufTensorTypes } from "./tensor-types.js";
import { encodeText, encodeValue, type GgufWriteValue, u32, u64 } from "./value-encoding.js";

/** A tensor to write, its bytes in the type's own format. */
export interface GgufTensorSource {
  /** Name of a type, such as F32 or Q8_0. */
  readonly type: string;
  /** Rows first. */
  readonly shape: readonly number[];
  /** All bytes, or what gives them piece by piece when the tensor's turn comes, so that not all need to exist at once. */
  readonly bytes: Uint8Array | (() => Iterable<Uint8Array>);
}

const alignment = 32;

/**
 * Writes a GGUF file of version 3, whole or not at all.
 * @throws RangeError for an unknown type and for other bytes than the shape needs; FileWriteError
 */
export function writeGguf(path: string, metadata: ReadonlyMap<string, GgufWriteValue>, tensors: ReadonlyMap<string, GgufTensorSource>): void {
  writeFileWhole(path, ggufPieces(metadata, tensors));
}

/** The bytes of such a file in their order, the first of them its header. @throws RangeError as {@link writeGguf} */
export function* ggufPieces(metadata: ReadonlyMap<string, GgufWriteValue>, tensors: ReadonlyMap<string, GgufTensorSource>): Generator<Uint8Array> {
  const header: Uint8Array[] = [Buffer.from("GGUF"), u32(3), u64(tensors.size), u64(metadata.size)];
  for (const [key, value] of metadata) header.push(encodeText(key), ...encodeValue(value));
  let offset = 0;
  for (const [name, tensor] of tensors) {
    const { number, byteLength } = layoutOf(name, tensor);
    header.push(encodeText(name), u32(tensor.shape.length), ...tensor.shape.toReversed().map(u64), u32(number), u64(offset));
    offset += padded(byteLength);
  }
  const length = header.reduce((sum, part) => sum + part.byteLength, 0);
  yield Buffer.concat([...header, padding(length)]);
  for (const [name, tensor] of tensors) {
    const { byteLength } = layoutOf(name, tensor);
    let bytes = 0;
    for (const piece of tensor.bytes instanceof Uint8Array ? [tensor.bytes] : tensor.bytes()) {
      bytes += piece.byteLength;
      yield piece;
    }
    if (bytes !== byteLength) throw new RangeError(`"${name}" has ${bytes} bytes, its shape needs ${byteLength}.`);
    if (padding(bytes).length > 0) yield padding(bytes);
  }
}

/** Bytes of the tensors of such a file, as they lie behind its header. @throws RangeError for an unknown type */
export function ggufDataBytes(tensors: ReadonlyMap<string, GgufTensorSource>): number {
  let bytes = 0;
  for (const [name, tensor] of tensors) bytes += padded(layoutOf(name, tensor).byteLength);
  return bytes;
}

function layoutOf(name: string, { type, shape, bytes }: GgufTensorSource): { readonly number: number; readonly byteLength: number } {
  const [number, format] = [...ggufTensorTypes].find(([, each]) => each.name === type && each.blockSize > 0) ?? [];
  if (number === undefined || format === undefined) throw new RangeError(`"${name}" is of the unknown type ${type}.`);
  const byteLength = (shape.reduce((product, size) => product * size, 1) / format.blockSize) * format.blockBytes;
  if (bytes instanceof Uint8Array && bytes.length !== byteLength) throw new RangeError(`"${name}" has ${bytes.length} bytes, its shape needs ${byteLength}.`);
  return { number, byteLength };
}

function padded(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}

function padding(bytes: number): Uint8Array {
  return new Uint8Array(padded(bytes) - bytes);
}
