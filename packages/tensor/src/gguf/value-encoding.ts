import { type GgufScalarType, type GgufValueType, valueTypes } from "./value-types.js";

/** A number of one type, which readers of the format ask for by key: sizes as u32, factors as f32. */
export interface GgufNumber {
  readonly type: Exclude<GgufScalarType, "bool">;
  readonly value: number;
}

/**
 * A value to write: whole numbers become u32 (i32 where negative, in lists always), other numbers f32, unless their type is
 * given; bytes are a value as a file has it, its type in front (`GgufMetadata.encoded`).
 */
export type GgufWriteValue = string | boolean | number | GgufNumber | Uint8Array | readonly string[] | readonly number[] | readonly boolean[] | Float32Array;

/** A value as it stands in a file, its type in front. */
export function encodeValue(value: GgufWriteValue): readonly Uint8Array[] {
  if (value instanceof Float32Array) return [typeNumber("array"), typeNumber("f32"), u64(value.length), new Uint8Array(value.buffer, value.byteOffset, value.byteLength)];
  if (value instanceof Uint8Array) return [value];
  if (typeof value === "object" && "value" in value) return [typeNumber(value.type), encodePlain(value.value, value.type)];
  if (typeof value === "object") {
    const items: readonly (string | number | boolean)[] = value;
    const is = (kind: string) => items.every((item) => typeof item === kind);
    const type = is("string") ? "string" : is("boolean") ? "bool" : items.every(Number.isInteger) ? "i32" : "f32";
    return [typeNumber("array"), typeNumber(type), u64(items.length), ...items.map((item) => encodePlain(item, type))];
  }
  const type = typeof value === "string" ? "string" : typeof value === "boolean" ? "bool" : !Number.isInteger(value) ? "f32" : value < 0 ? "i32" : "u32";
  return [typeNumber(type), encodePlain(value, type)];
}

/** A text with its length in front. */
export function encodeText(value: string): Uint8Array {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
}

export function u32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

export function u64(value: number): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);
}

function encodePlain(value: string | boolean | number, type: GgufValueType): Uint8Array {
  const number = Number(value);
  switch (type) {
    case "string":
      return encodeText(String(value));
    case "bool":
      return Uint8Array.of(value === true ? 1 : 0);
    case "f32":
      return new Uint8Array(Float32Array.of(number).buffer);
    case "f64":
      return new Uint8Array(Float64Array.of(number).buffer);
    case "u8":
    case "i8":
      return Uint8Array.of(number);
    case "u16":
    case "i16":
      return new Uint8Array(Uint16Array.of(number).buffer);
    case "u64":
    case "i64":
      return new Uint8Array(BigInt64Array.of(BigInt(number)).buffer);
    default:
      return u32(number);
  }
}

function typeNumber(type: GgufValueType): Uint8Array {
  return u32(valueTypes.indexOf(type));
}
