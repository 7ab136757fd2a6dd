import { writeFileSync } from "node:fs";
import { ggufTensorTypes } from "./tensor-types.js";
import { valueTypes, type GgufValueType } from "./value-types.js";

/** A value to write: whole numbers become u32 (i32 where negative, in lists always), other numbers f32. */
export type GgufWriteValue = string | boolean | number | readonly string[] | readonly number[] | readonly boolean[];

/** A tensor to write, its bytes in the type's own format. */
export interface GgufTensorSource {
  /** Name of a type, such as F32 or Q8_0. */
  readonly type: string;
  /** Rows first. */
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

const alignment = 32;

/**
 * Writes a small GGUF file of version 3, in one piece: for tests and tools.
 * @throws RangeError for an unknown type and for other bytes than the shape needs
 */
export function writeGguf(path: string, metadata: ReadonlyMap<string, GgufWriteValue>, tensors: ReadonlyMap<string, GgufTensorSource>): void {
  const header: Uint8Array[] = [Buffer.from("GGUF"), u32(3), u64(tensors.size), u64(metadata.size)];
  for (const [key, value] of metadata) header.push(text(key), ...typedValue(value));
  const data: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { type, shape, bytes }] of tensors) {
    const [number, format] = [...ggufTensorTypes].find(([, each]) => each.name === type && each.blockSize > 0) ?? [];
    if (number === undefined || format === undefined) throw new RangeError(`"${name}" is of the unknown type ${type}.`);
    const expected = (shape.reduce((product, size) => product * size, 1) / format.blockSize) * format.blockBytes;
    if (bytes.length !== expected) throw new RangeError(`"${name}" has ${bytes.length} bytes, its shape needs ${expected}.`);
    header.push(text(name), u32(shape.length), ...shape.toReversed().map(u64), u32(number), u64(offset));
    data.push(bytes, padding(bytes.length));
    offset += bytes.length + padding(bytes.length).length;
  }
  const headerBytes = Buffer.concat(header);
  writeFileSync(path, Buffer.concat([headerBytes, padding(headerBytes.length), ...data]));
}

function typedValue(value: GgufWriteValue): Uint8Array[] {
  if (typeof value === "object") {
    const items: readonly (string | number | boolean)[] = value;
    const is = (kind: string) => items.every((item) => typeof item === kind);
    const type = is("string") ? "string" : is("boolean") ? "bool" : items.every(Number.isInteger) ? "i32" : "f32";
    return [typeNumber("array"), typeNumber(type), u64(items.length), ...items.map((item) => plainValue(item, type))];
  }
  const type = typeof value === "string" ? "string" : typeof value === "boolean" ? "bool" : !Number.isInteger(value) ? "f32" : value < 0 ? "i32" : "u32";
  return [typeNumber(type), plainValue(value, type)];
}

function plainValue(value: string | boolean | number, type: GgufValueType): Uint8Array {
  switch (type) {
    case "string":
      return text(String(value));
    case "bool":
      return Uint8Array.of(value === true ? 1 : 0);
    case "f32":
      return new Uint8Array(Float32Array.of(Number(value)).buffer);
    default:
      return u32(Number(value));
  }
}

function typeNumber(type: GgufValueType): Uint8Array {
  return u32(valueTypes.indexOf(type));
}

function text(value: string): Uint8Array {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
}

function u32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

function u64(value: number): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);
}

function padding(bytes: number): Uint8Array {
  return new Uint8Array((alignment - (bytes % alignment)) % alignment);
}
