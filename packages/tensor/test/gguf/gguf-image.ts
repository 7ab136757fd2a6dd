/** Numbers of the value types. */
export const valueTypeNumbers = {
  u8: 0, i8: 1, u16: 2, i16: 3, u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9, u64: 10, i64: 11, f64: 12,
} as const;

/** A key with its value as bytes, right or wrong. */
export interface ImageKey {
  readonly key: string | Uint8Array;
  readonly type: number;
  readonly value: Uint8Array;
}

export interface ImageTensor {
  readonly name: string;
  /** As the file lists them: the length of a row first. */
  readonly sizes: readonly (number | bigint)[];
  readonly type: number;
  readonly bytes: Uint8Array;
  /** Default: behind the tensor before. */
  readonly offset?: bigint;
  /** Default: as many as there are sizes. */
  readonly rank?: number;
}

export interface GgufImage {
  readonly magic?: string;
  readonly version?: number;
  readonly keys?: readonly ImageKey[];
  readonly tensors?: readonly ImageTensor[];
  /** Announced instead of how many there are. */
  readonly keyCount?: bigint;
  readonly tensorCount?: bigint;
  /** Of the data; default 32. */
  readonly alignment?: number;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

export function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return bytes;
}

export function text(value: string | Uint8Array, announced?: bigint): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(announced ?? BigInt(bytes.length)), bytes]);
}

/** Value of an array key: element type, length, elements. */
export function arrayValue(elementType: number, elements: readonly Uint8Array[], announced?: bigint): Buffer {
  return Buffer.concat([u32(elementType), u64(announced ?? BigInt(elements.length)), ...elements]);
}

const floats = (values: readonly number[]) => values.map((value) => Buffer.from(Float32Array.of(value).buffer));

/** A right key for a JavaScript value: texts, booleans, whole numbers as u32, others as f32, and arrays of these. */
export function key(name: string, value: string | boolean | number | readonly string[] | readonly number[]): ImageKey {
  const { string, bool, array, f32, i32 } = valueTypeNumbers;
  if (typeof value === "string") return { key: name, type: string, value: text(value) };
  if (typeof value === "boolean") return { key: name, type: bool, value: Uint8Array.of(value ? 1 : 0) };
  if (typeof value === "number") {
    const whole = Number.isInteger(value) && value >= 0;
    return { key: name, type: whole ? valueTypeNumbers.u32 : f32, value: whole ? u32(value) : floats([value])[0]! };
  }
  const items: readonly (string | number)[] = value;
  if (items.every((item) => typeof item === "string")) return { key: name, type: array, value: arrayValue(string, items.map((item) => text(item))) };
  const numbers = items as readonly number[];
  const whole = numbers.every(Number.isInteger);
  return { key: name, type: array, value: arrayValue(whole ? i32 : f32, whole ? numbers.map(u32) : floats(numbers)) };
}

/** A tensor of float32. */
export function floatTensor(name: string, sizes: readonly number[], values: Float32Array = new Float32Array(sizes.reduce((a, b) => a * b, 1))): ImageTensor {
  return { name, sizes, type: 0, bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
}

/** Bytes of a GGUF file. */
export function ggufImage(image: GgufImage): Uint8Array {
  const { magic = "GGUF", version = 3, keys = [], tensors = [], alignment = 32 } = image;
  const counts = [u64(image.tensorCount ?? BigInt(tensors.length)), u64(image.keyCount ?? BigInt(keys.length))];
  const parts: Uint8Array[] = [Buffer.from(magic, "latin1"), u32(version), ...counts];
  for (const { key: name, type, value } of keys) parts.push(text(name), u32(type), value);
  const data: Uint8Array[] = [];
  let end = 0;
  const padding = (bytes: number) => new Uint8Array((alignment - (bytes % alignment)) % alignment);
  for (const { name, sizes, type, bytes, offset, rank } of tensors) {
    parts.push(text(name), u32(rank ?? sizes.length), ...sizes.map((size) => u64(BigInt(size))), u32(type), u64(offset ?? BigInt(end)));
    data.push(bytes, padding(bytes.length));
    end += bytes.length + padding(bytes.length).length;
  }
  const header = Buffer.concat(parts);
  return Buffer.concat([header, padding(header.length), ...data]);
}
