import { writeFileWhole } from "@elastic-attention/core";
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
 * Writes a safetensors file whole or not at all.
 * @throws FileWriteError; RangeError when a source gives another number of bytes than its shape says, or for a reserved name.
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
  writeFileWhole(path, pieces());

  function* pieces(): Generator<Uint8Array> {
    yield length;
    yield text;
    for (const [name, source] of tensors) {
      const bytes = source.bytes();
      const expected = source.shape.reduce((product, size) => product * size, elementByteSize(source.type));
      if (bytes.byteLength !== expected) throw new RangeError(`"${name}" has ${bytes.byteLength} bytes, its shape needs ${expected}.`);
      yield bytes;
    }
  }
}
