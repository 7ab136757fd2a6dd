import type { SafetensorsProblem } from "@elastic-attention/core";
import { byteEntry, safetensorsImage } from "./safetensors-image.js";

/** A file that must be refused, and for what. */
export interface HostileFile {
  readonly name: string;
  readonly problem: SafetensorsProblem;
  image(): Uint8Array;
}

/** A header of one tensor "a" over 4 bytes of data with some fields replaced; undefined leaves a field out. */
function entry(fields: Record<string, unknown>): Uint8Array {
  return safetensorsImage({ a: { ...byteEntry(0, 4), ...fields } }, 4);
}

/** The same with one field written as raw JSON, for numbers that JavaScript cannot hold. */
function rawEntry(shape: string, offsets: string): Uint8Array {
  return safetensorsImage(`{"a":{"dtype":"U8","shape":${shape},"data_offsets":${offsets}}}`, 4);
}

const lengthPrefix = (length: bigint, rest = 0): Uint8Array => safetensorsImage("", rest, length);
const nested = (depth: number): string => `{"a":${"[".repeat(depth)}${"]".repeat(depth)}}`;
const rawName = (...bytes: number[]): Uint8Array =>
  Buffer.concat([Buffer.from('{"'), Uint8Array.from(bytes), Buffer.from('":{}}')]);

type Row = readonly [name: string, problem: SafetensorsProblem, image: () => Uint8Array];

const rows: readonly Row[] = [
  ["no bytes", "truncated", () => new Uint8Array(0)],
  ["shorter than its length prefix", "truncated", () => new Uint8Array(7)],
  ["a header over the end of the file", "truncated", () => safetensorsImage("{}", 0, 3n)],
  ["the largest header in a small file", "truncated", () => safetensorsImage("{}", 0, 100_000_000n)],
  ["a header just over the limit", "header-too-large", () => lengthPrefix(100_000_001n, 16)],
  ["a header of 2^63 bytes", "header-too-large", () => lengthPrefix(2n ** 63n, 16)],
  ["a header of 2^64 - 1 bytes", "header-too-large", () => lengthPrefix(2n ** 64n - 1n, 16)],
  ["an empty header", "header-json", () => lengthPrefix(0n)],
  ["an empty header before data", "header-json", () => lengthPrefix(0n, 16)],
  ["an array as header", "header-json", () => safetensorsImage("[]")],
  ["white space before the header", "header-json", () => safetensorsImage(" {}")],
  ["a byte order mark", "header-json", () => safetensorsImage("\ufeff{}")],
  ["unfinished JSON", "header-json", () => safetensorsImage('{"a":')],
  ["an unfinished name", "header-json", () => safetensorsImage('{"a\\')],
  ["two JSON texts", "header-json", () => safetensorsImage("{}{}")],
  ["NUL padding", "header-json", () => safetensorsImage("{}\0\0")],
  ["arrays nested 1 000 deep", "header-json", () => safetensorsImage(nested(1_000))],
  ["arrays nested 100 000 deep", "header-json", () => safetensorsImage(nested(100_000))],
  ["a name that is not UTF-8", "header-encoding", () => safetensorsImage(rawName(0xff, 0xfe))],
  ["an overlong UTF-8 slash", "header-encoding", () => safetensorsImage(rawName(0xc0, 0xaf))],
  ["a UTF-8 surrogate", "header-encoding", () => safetensorsImage(rawName(0xed, 0xa0, 0x80))],
  ["a tensor named twice", "duplicate-key", () => safetensorsImage('{"a":{},"a":{}}')],
  ["a tensor named twice through an escape", "duplicate-key", () => safetensorsImage('{"a":{},"\\u0061":{}}')],
  ["a dtype given twice", "duplicate-key", () => safetensorsImage('{"a":{"dtype":"U8","dtype":"F32"}}')],
  ["metadata given twice", "duplicate-key", () => safetensorsImage('{"__metadata__":{},"__metadata__":{}}')],
  ["__proto__ as a tensor", "header-json", () => safetensorsImage('{"__proto__":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}', 1)],
  ["__proto__ through an escape", "header-json", () => safetensorsImage('{"__pr\\u006fto__":{}}')],
  ["__proto__ in a tensor", "header-json", () => safetensorsImage('{"a":{"__proto__":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}}', 1)],
  ["__proto__ in the metadata", "header-json", () => safetensorsImage('{"__metadata__":{"__proto__":"x"}}')],
  ["a number as tensor", "header-json", () => safetensorsImage({ a: 1 })],
  ["null as tensor", "header-json", () => safetensorsImage({ a: null })],
  ["an array as tensor", "header-json", () => safetensorsImage({ a: [] })],
  ["metadata that is an array", "invalid-metadata", () => safetensorsImage({ __metadata__: [] })],
  ["metadata that is null", "invalid-metadata", () => safetensorsImage({ __metadata__: null })],
  ["metadata with a number", "invalid-metadata", () => safetensorsImage({ __metadata__: { format: 1 } })],
  ["metadata with an object", "invalid-metadata", () => safetensorsImage({ __metadata__: { format: {} } })],
  ["no dtype", "unknown-dtype", () => entry({ dtype: undefined })],
  ["a dtype in lower case", "unknown-dtype", () => entry({ dtype: "u8" })],
  ["a dtype the format does not name", "unknown-dtype", () => entry({ dtype: "F128" })],
  ["a dtype that every object has", "unknown-dtype", () => entry({ dtype: "constructor" })],
  ["a dtype that is a list", "unknown-dtype", () => entry({ dtype: ["U8"] })],
  ["a dtype of a million letters", "unknown-dtype", () => entry({ dtype: "F".repeat(1_000_000) })],
  ["no shape", "invalid-shape", () => entry({ shape: undefined })],
  ["a shape that is an object", "invalid-shape", () => entry({ shape: { 0: 4, length: 1 } })],
  ["a negative size", "invalid-shape", () => entry({ shape: [-4] })],
  ["two negative sizes with the right product", "invalid-shape", () => entry({ shape: [-2, -2] })],
  ["a fractional size", "invalid-shape", () => entry({ shape: [0.5, 8] })],
  ["a size as text", "invalid-shape", () => entry({ shape: ["4"] })],
  ["a size of null", "invalid-shape", () => entry({ shape: [4, null] })],
  ["a nested shape", "invalid-shape", () => entry({ shape: [[4]] })],
  ["a shape nested 100 000 deep", "invalid-shape", () => rawEntry("[".repeat(100_000) + "]".repeat(100_000), "[0,4]")],
  ["a size of 2^53 + 1", "invalid-shape", () => rawEntry("[9007199254740993]", "[0,4]")],
  ["a size beyond every number", "invalid-shape", () => rawEntry("[1e400]", "[0,4]")],
  ["no offsets", "invalid-offsets", () => entry({ data_offsets: undefined })],
  ["one offset", "invalid-offsets", () => entry({ data_offsets: [0] })],
  ["three offsets", "invalid-offsets", () => entry({ data_offsets: [0, 4, 4] })],
  ["offsets nested 100 000 deep", "invalid-offsets", () => rawEntry("[4]", "[".repeat(100_000) + "]".repeat(100_000))],
  ["a negative offset", "invalid-offsets", () => entry({ data_offsets: [-4, 0] })],
  ["a fractional offset", "invalid-offsets", () => entry({ data_offsets: [0, 3.5] })],
  ["offsets as text", "invalid-offsets", () => entry({ data_offsets: ["0", "4"] })],
  ["an end before the beginning", "invalid-offsets", () => entry({ data_offsets: [4, 0] })],
  ["an end behind the file", "invalid-offsets", () => entry({ shape: [5], data_offsets: [0, 5] })],
  ["an end of 2^53 + 1", "invalid-offsets", () => rawEntry("[4]", "[0,9007199254740993]")],
  ["an end of 2^53 - 1", "invalid-offsets", () => rawEntry("[4]", "[0,9007199254740991]")],
  ["an end of 2^64", "invalid-offsets", () => rawEntry("[4]", "[0,18446744073709551616]")],
  ["fewer bytes than the shape needs", "wrong-byte-count", () => entry({ dtype: "F32", shape: [2] })],
  ["more bytes than the shape needs", "wrong-byte-count", () => entry({ shape: [3] })],
  ["a product that wraps to 0 in 64 bits", "wrong-byte-count", () => entry({ shape: [2 ** 32, 2 ** 32], data_offsets: [0, 0] })],
  ["a shape of 65 sizes", "invalid-shape", () => entry({ shape: Array.from({ length: 65 }, () => 1), data_offsets: [0, 1] })],
  ["a shape of 64 sizes that needs more bytes", "wrong-byte-count", () => entry({ shape: Array.from({ length: 64 }, () => 2) })],
  ["a product that wraps to 4 in 64 bits", "wrong-byte-count", () => rawEntry("[4294967297,4294967297,4294967296,4]", "[0,4]")],
  ["a shape of 200 000 large sizes", "invalid-shape", () => entry({ shape: Array.from({ length: 200_000 }, () => 2 ** 53 - 1) })],
  ["a hole before the first tensor", "gap-or-overlap", () => safetensorsImage({ a: byteEntry(1, 4) }, 4)],
  ["a hole between tensors", "gap-or-overlap", () => safetensorsImage({ a: byteEntry(0, 2), b: byteEntry(3, 4) }, 4)],
  ["an overlap", "gap-or-overlap", () => safetensorsImage({ a: byteEntry(0, 3), b: byteEntry(2, 4) }, 4)],
  ["two tensors over the same bytes", "gap-or-overlap", () => safetensorsImage({ a: byteEntry(0, 4), b: byteEntry(0, 4) }, 4)],
  ["an empty tensor inside another", "gap-or-overlap", () => safetensorsImage({ a: byteEntry(0, 4), b: byteEntry(2, 2) }, 4)],
  ["trailing bytes", "trailing-bytes", () => safetensorsImage({ a: byteEntry(0, 4) }, 5)],
  ["data without tensors", "trailing-bytes", () => safetensorsImage("{}", 1)],
];

/** Every way we know to break a single file. */
export const hostileHeaders: readonly HostileFile[] = rows.map(([name, problem, image]) => ({ name, problem, image }));
