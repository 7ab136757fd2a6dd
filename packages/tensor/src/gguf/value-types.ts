/** Types of a metadata value, by their number in the file. */
export const valueTypes = ["u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64"] as const;

export type GgufValueType = (typeof valueTypes)[number];

/** Types of fixed size. */
export type GgufScalarType = Exclude<GgufValueType, "string" | "array">;

/** Bytes of a value of fixed size. */
export const scalarBytes: Readonly<Record<GgufScalarType, number>> = {
  u8: 1, i8: 1, bool: 1, u16: 2, i16: 2, u32: 4, i32: 4, f32: 4, u64: 8, i64: 8, f64: 8,
};

/** Reads one value; integers above 2^53 as bigint. Undefined for a bool that is neither 0 nor 1. */
export function readScalar(bytes: Buffer, at: number, type: GgufScalarType): number | bigint | boolean | undefined {
  switch (type) {
    case "u8":
      return bytes.readUInt8(at);
    case "i8":
      return bytes.readInt8(at);
    case "bool":
      return bytes[at]! > 1 ? undefined : bytes[at] === 1;
    case "u16":
      return bytes.readUInt16LE(at);
    case "i16":
      return bytes.readInt16LE(at);
    case "u32":
      return bytes.readUInt32LE(at);
    case "i32":
      return bytes.readInt32LE(at);
    case "f32":
      return bytes.readFloatLE(at);
    case "f64":
      return bytes.readDoubleLE(at);
    case "u64":
      return exactNumber(bytes.readBigUInt64LE(at));
    case "i64":
      return exactNumber(bytes.readBigInt64LE(at));
  }
}

function exactNumber(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
