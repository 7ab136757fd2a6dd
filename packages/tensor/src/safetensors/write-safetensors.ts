import { writeFileWhole } from "@elastic-attention/core";
import type { Tensor } from "../tensor.js";
import { dtypeElement, elementByteSize, type ElementType } from "./element-types.js";

/** A tensor to write: its bytes are asked for when its turn comes, so that not all need to exist at once. */
export interface StreamedTensor {
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** Dense little-endian bytes of the whole tensor, or pieces of them in their order. */
  bytes(): Uint8Array | Iterable<Uint8Array>;
}

/** One whose bytes come whole. */
export interface TensorSource extends StreamedTensor {
  bytes(): Uint8Array;
}

/** A tensor of any backend as a source. */
export function tensorSource(tensor: Tensor): TensorSource {
  return { type: dtypeElement(tensor.dtype), shape: tensor.shape, bytes: () => tensor.download() };
}

/**
 * Writes a safetensors file whole or not at all.
 * @throws FileWriteError; RangeError when a source gives another number of bytes than its shape says, or for a reserved name.
 */
export function writeSafetensors(path: string, tensors: ReadonlyMap<string, StreamedTensor>, metadata: Readonly<Record<string, string>> = {}): void {
  writeFileWhole(path, safetensorsPieces(tensors, metadata));
}

/** The bytes of such a file in their order, the first of them its header. @throws RangeError as {@link writeSafetensors}, before the first */
export function safetensorsPieces(tensors: ReadonlyMap<string, StreamedTensor>, metadata: Readonly<Record<string, string>> = {}): Iterable<Uint8Array> {
  const header: Record<string, unknown> = Object.keys(metadata).length > 0 ? { __metadata__: metadata } : {};
  if (Object.hasOwn(metadata, "__proto__")) throw new RangeError('"__proto__" is reserved and cannot be a metadata key.');
  let offset = 0;
  for (const [name, source] of tensors) {
    if (name === "__metadata__" || name === "__proto__") throw new RangeError(`"${name}" is reserved and cannot name a tensor.`);
    const byteLength = sourceByteLength(source);
    header[name] = { dtype: source.type, shape: source.shape, data_offsets: [offset, offset + byteLength] };
    offset += byteLength;
  }
  const json = JSON.stringify(header);
  const text = Buffer.from(json + " ".repeat((8 - (Buffer.byteLength(json) % 8)) % 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return pieces();

  function* pieces(): Generator<Uint8Array> {
    yield Buffer.concat([length, text]);
    for (const [name, source] of tensors) {
      const given = source.bytes();
      let bytes = 0;
      for (const piece of given instanceof Uint8Array ? [given] : given) {
        bytes += piece.byteLength;
        yield piece;
      }
      const expected = sourceByteLength(source);
      if (bytes !== expected) throw new RangeError(`"${name}" has ${bytes} bytes, its shape needs ${expected}.`);
    }
  }
}

/** Bytes that a source's shape asks for. */
export function sourceByteLength({ type, shape }: Pick<StreamedTensor, "type" | "shape">): number {
  return shape.reduce((product, size) => product * size, elementByteSize(type));
}
