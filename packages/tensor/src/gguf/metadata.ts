import { GgufFormatError, GgufMetadataError } from "@elastic-attention/core";
import type { ByteRange, ByteSource } from "../positional-file.js";
import type { GgufArray, GgufValue } from "./header.js";
import { decode } from "./header-cursor.js";
import { readScalar, scalarBytes } from "./value-types.js";

/**
 * Typed access to a file's keys: every value of another type is an error that names key, expected and found. Arrays are
 * read from the file when they are asked for, so it must still be open.
 */
export class GgufMetadata {
  constructor(
    private readonly file: ByteSource,
    private readonly values: ReadonlyMap<string, GgufValue>,
    private readonly places: ReadonlyMap<string, ByteRange>,
  ) {}

  /** The file that it stands in, for error messages. */
  get path(): string {
    return this.file.path;
  }

  get keys(): IterableIterator<string> {
    return this.values.keys();
  }

  has(key: string): boolean {
    return this.values.has(key);
  }

  /** The value as it stands in the file. */
  get(key: string): GgufValue | undefined {
    return this.values.get(key);
  }

  /** @throws GgufMetadataError */
  string(key: string, fallback?: string): string {
    return this.#checked(key, fallback, "a text", (value) => typeof value === "string");
  }

  /** @throws GgufMetadataError */
  boolean(key: string, fallback?: boolean): boolean {
    return this.#checked(key, fallback, "true or false", (value) => typeof value === "boolean");
  }

  /** A finite number. @throws GgufMetadataError */
  number(key: string, fallback?: number): number {
    return this.#checked(key, fallback, "a finite number", (value) => Number.isFinite(value));
  }

  /** A whole number, 0 or above. @throws GgufMetadataError */
  count(key: string, fallback?: number): number {
    return this.#checked(key, fallback, "a whole number, 0 or above", (value) => Number.isSafeInteger(value) && (value as number) >= 0);
  }

  /** Elements of an array; undefined where there is no such key. @throws GgufMetadataError for what is no array */
  arrayLength(key: string): number | undefined {
    return this.has(key) ? this.#array(key, "an array").length : undefined;
  }

  /** An array of texts. @throws GgufMetadataError, GgufFormatError for what is not UTF-8, DisposedError */
  strings(key: string): string[] {
    const array = this.#array(key, "an array of texts");
    if (array.elementType !== "string") throw this.error(key, "must be an array of texts");
    const bytes = this.#bytes(array);
    const texts: string[] = [];
    let at = 0;
    for (let i = 0; i < array.length; i++) {
      const length = bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
      at += 8;
      // Only a file that was changed since it was opened has other lengths here.
      if (at + length > bytes.length) throw new GgufFormatError(this.path, "truncated", `${key} was changed while it was read.`);
      texts.push(decode(bytes.subarray(at, at + length), () => new GgufFormatError(this.path, "string-encoding", `${key}[${i}] is not UTF-8.`)));
      at += length;
    }
    return texts;
  }

  /** An array of numbers. @throws GgufMetadataError, DisposedError */
  numbers(key: string): Float64Array {
    const array = this.#array(key, "an array of numbers");
    const { elementType, length } = array;
    if (elementType === "string" || elementType === "bool") throw this.error(key, "must be an array of numbers");
    const bytes = this.#bytes(array);
    return Float64Array.from({ length }, (_, i) => Number(readScalar(bytes, i * scalarBytes[elementType], elementType)));
  }

  /** An array of true and false. @throws GgufMetadataError, DisposedError */
  booleans(key: string): boolean[] {
    const array = this.#array(key, "an array of true and false");
    const bytes = this.#bytes(array);
    if (array.elementType !== "bool" || bytes.some((byte) => byte > 1)) throw this.error(key, "must be an array of true and false");
    return Array.from(bytes, (byte) => byte === 1);
  }

  /** A value as the file has it, its type in front: what `writeGguf` takes. @throws GgufMetadataError, DisposedError */
  encoded(key: string): Uint8Array {
    const place = this.places.get(key);
    if (place === undefined) throw new GgufMetadataError(this.path, key, "is missing.");
    return this.#bytes({ byteOffset: place.start, byteLength: place.end - place.start });
  }

  /** Error about one key. */
  error(key: string, problem: string, hint?: string): GgufMetadataError {
    const value = this.values.get(key);
    const found = typeof value === "object" ? `an array of ${value.length} ${value.elementType}` : excerpt(value);
    return new GgufMetadataError(this.path, key, `${problem}, found ${found}.`, hint);
  }

  #checked<T extends GgufValue>(key: string, fallback: T | undefined, expected: string, valid: (value: GgufValue) => boolean): T {
    const value = this.values.get(key) ?? fallback;
    if (value === undefined) throw new GgufMetadataError(this.path, key, "is missing.");
    if (!valid(value)) throw this.error(key, `must be ${expected}`);
    return value as T;
  }

  #array(key: string, expected: string): GgufArray {
    const value = this.values.get(key);
    if (value === undefined) throw new GgufMetadataError(this.path, key, "is missing.");
    if (typeof value !== "object") throw this.error(key, `must be ${expected}`);
    return value;
  }

  #bytes({ byteOffset, byteLength }: Pick<GgufArray, "byteOffset" | "byteLength">): Buffer {
    const bytes = Buffer.alloc(byteLength);
    const count = this.file.readInto(bytes, byteOffset);
    if (count < byteLength) throw new GgufFormatError(this.path, "truncated", `ends at byte ${byteOffset + count}.`);
    return bytes;
  }
}

function excerpt(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value);
  return String(value);
}
