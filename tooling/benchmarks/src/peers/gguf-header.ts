/** Value types of GGUF metadata, by the format's numbers. */
const valueTypes = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 } as const;

type ScalarType = "u32" | "i32" | "f32" | "bool" | "string";

/** Tensor types of GGUF, by the format's numbers. */
export const ggufTensorTypes = { f32: 0, f16: 1, q8_0: 8, q4_k: 12, bf16: 30 } as const;

export type GgufTensorType = keyof typeof ggufTensorTypes;

/** Every tensor begins at a multiple of this many bytes. */
export const ggufAlignment = 32;

/** Values of 32 that share a scale in q8_0, with the scale's two bytes. */
const q8BlockBytes = 34;
/** 256 values of q4_k. */
export const q4KBlockBytes = 144;

/** Bytes of `count` elements. */
export function ggufByteLength(type: GgufTensorType, count: number): number {
  switch (type) {
    case "f32":
      return count * 4;
    case "f16":
    case "bf16":
      return count * 2;
    case "q8_0":
      return (count / 32) * q8BlockBytes;
    case "q4_k":
      return (count / 256) * q4KBlockBytes;
  }
}

/** The head of a GGUF file (version 3): metadata and the list of tensors, up to where their data begins. */
export class GgufHeader {
  readonly #metadata: Buffer[] = [];
  readonly #tensors: Buffer[] = [];
  #dataBytes = 0;

  /** Adds a value. */
  set(key: string, type: ScalarType, value: number | string | boolean): this {
    this.#metadata.push(Buffer.concat([text(key), u32(valueTypes[type]), scalar(type, value)]));
    return this;
  }

  /** Adds a list of values of one type. */
  setArray(key: string, type: ScalarType, values: readonly (number | string)[]): this {
    const head = [text(key), u32(valueTypes.array), u32(valueTypes[type]), u64(values.length)];
    this.#metadata.push(Buffer.concat([...head, ...values.map((value) => scalar(type, value))]));
    return this;
  }

  /** Adds a tensor of `rows` rows; its data follows that of the tensors before it, aligned. */
  tensor(name: string, type: GgufTensorType, columns: number, rows?: number): this {
    // The format counts dimensions from the innermost.
    const dimensions = rows === undefined ? [columns] : [columns, rows];
    this.#tensors.push(
      Buffer.concat([
        text(name),
        u32(dimensions.length),
        ...dimensions.map(u64),
        u32(ggufTensorTypes[type]),
        u64(this.#dataBytes),
      ]),
    );
    this.#dataBytes += aligned(ggufByteLength(type, columns * (rows ?? 1)));
    return this;
  }

  bytes(): Buffer {
    const head = Buffer.concat([
      Buffer.from("GGUF"),
      u32(3),
      u64(this.#tensors.length),
      u64(this.#metadata.length),
      ...this.#metadata,
      ...this.#tensors,
    ]);
    return Buffer.concat([head, Buffer.alloc(aligned(head.length) - head.length)]);
  }
}

/** `bytes` rounded up to the alignment. */
export function aligned(bytes: number): number {
  return Math.ceil(bytes / ggufAlignment) * ggufAlignment;
}

function scalar(type: ScalarType, value: number | string | boolean): Buffer {
  switch (type) {
    case "u32":
      return u32(Number(value));
    case "i32": {
      const buffer = Buffer.alloc(4);
      buffer.writeInt32LE(Number(value));
      return buffer;
    }
    case "f32": {
      const buffer = Buffer.alloc(4);
      buffer.writeFloatLE(Number(value));
      return buffer;
    }
    case "bool":
      return Buffer.from([value === true ? 1 : 0]);
    case "string":
      return text(String(value));
  }
}

function u32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
}

function u64(value: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(BigInt(value));
  return buffer;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
}
