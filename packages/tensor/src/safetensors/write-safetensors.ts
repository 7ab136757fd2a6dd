import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import type { Tensor } from "../tensor.js";
import { dtypeElement, elementByteSize, type ElementType } from "./element-types.js";

/** A tensor to write: its bytes are asked for when its turn comes, so that not all need to exist at once. */
export interface TensorSource {
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** Dense little-endian bytes of the whole tensor. */
  bytes(): Uint8Array;
}

/** A tensor of any backend as a source. */
export function tensorSource(tensor: Tensor): TensorSource {
  return { type: dtypeElement(tensor.dtype), shape: tensor.shape, bytes: () => tensor.download() };
}

/**
 * Writes a safetensors file in one piece or not at all: a temporary file beside it takes its place at the end.
 * @throws RangeError when a source gives another number of bytes than its shape says, or for a reserved name.
 */
export function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TensorSource>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  const header: Record<string, unknown> = Object.keys(metadata).length > 0 ? { __metadata__: metadata } : {};
  if (Object.hasOwn(metadata, "__proto__")) throw new RangeError('"__proto__" is reserved and cannot be a metadata key.');
  let offset = 0;
  for (const [name, source] of tensors) {
    if (name === "__metadata__" || name === "__proto__") throw new RangeError(`"${name}" is reserved and cannot name a tensor.`);
    const byteLength = source.shape.reduce((product, size) => product * size, elementByteSize(source.type));
    header[name] = { dtype: source.type, shape: source.shape, data_offsets: [offset, offset + byteLength] };
    offset += byteLength;
  }
  const json = JSON.stringify(header);
  const text = Buffer.from(json + " ".repeat((8 - (Buffer.byteLength(json) % 8)) % 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const temporary = `${path}.${process.pid}.partial`;
  const descriptor = openSync(temporary, "w");
  try {
    try {
      writeFully(descriptor, length);
      writeFully(descriptor, text);
      for (const [name, source] of tensors) {
        const bytes = source.bytes();
        const expected = source.shape.reduce((product, size) => product * size, elementByteSize(source.type));
        if (bytes.byteLength !== expected) throw new RangeError(`"${name}" has ${bytes.byteLength} bytes, its shape needs ${expected}.`);
        writeFully(descriptor, bytes);
      }
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function writeFully(descriptor: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.byteLength) done += writeSync(descriptor, bytes, done, Math.min(1 << 30, bytes.byteLength - done));
}
