import type { GgufProblem } from "@elastic-attention/core";
import { arrayValue, floatTensor, type GgufImage, ggufImage, type ImageKey, type ImageTensor, key, text, u32, u64, valueTypeNumbers } from "./gguf-image.js";

/** A file that must be refused, and for what. */
export interface HostileGguf {
  readonly name: string;
  readonly problem: GgufProblem;
  image(): Uint8Array;
}

const { u8, u64: u64Type, bool, string, array } = valueTypeNumbers;
const architecture = key("general.architecture", "llama");
const tensor = (fields: Partial<ImageTensor> = {}): ImageTensor => ({ ...floatTensor("w", [8, 4]), ...fields });
const withKey = (name: string, type: number, value: Uint8Array): Uint8Array =>
  ggufImage({ keys: [architecture, { key: name, type, value }], tensors: [tensor()] });
const withTensor = (fields: Partial<ImageTensor>): Uint8Array => ggufImage({ keys: [architecture], tensors: [tensor(fields)] });
const whole: GgufImage = { keys: [architecture], tensors: [tensor()] };

/** Arrays of one array each. */
function nested(depth: number): Uint8Array {
  let value = arrayValue(u8, [Uint8Array.of(1)]);
  for (let i = 0; i < depth; i++) value = arrayValue(array, [value]);
  return value;
}

function bigEndian(): Uint8Array {
  const image = Buffer.from(ggufImage(whole));
  image.subarray(4, 8).swap32();
  image.subarray(8, 24).swap64();
  return image;
}

/** Cut before the end by so many bytes. */
const cut = (image: Uint8Array, bytes: number): Uint8Array => image.subarray(0, image.length - bytes);

const many = (count: number): ImageKey[] => Array.from({ length: count }, (_, i) => key(`k${i}`, i));

type Row = readonly [name: string, problem: GgufProblem, image: () => Uint8Array];

const rows: readonly Row[] = [
  ["no bytes", "truncated", () => new Uint8Array(0)],
  ["only the magic", "truncated", () => Buffer.from("GGUF")],
  ["another magic", "bad-magic", () => ggufImage({ ...whole, magic: "GGUG" })],
  ["an older format's magic", "bad-magic", () => ggufImage({ ...whole, magic: "tjgg" })],
  ["a safetensors header", "bad-magic", () => Buffer.concat([u64(60n), Buffer.from('{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}       abcd')])],
  ["version 0", "unsupported-version", () => ggufImage({ ...whole, version: 0 })],
  ["version 1", "unsupported-version", () => ggufImage({ ...whole, version: 1 })],
  ["version 4", "unsupported-version", () => ggufImage({ ...whole, version: 4 })],
  ["version 2^32 - 1", "unsupported-version", () => ggufImage({ ...whole, version: 2 ** 32 - 1 })],
  ["big endian", "big-endian", bigEndian],
  ["2^60 tensors", "truncated", () => ggufImage({ ...whole, tensorCount: 2n ** 60n })],
  ["2^64 - 1 tensors", "truncated", () => ggufImage({ ...whole, tensorCount: 2n ** 64n - 1n })],
  ["2^60 keys", "truncated", () => ggufImage({ ...whole, keyCount: 2n ** 60n })],
  ["more tensors than could be described", "truncated", () => ggufImage({ keys: [architecture], tensorCount: 4n })],
  ["100 000 tensors", "count-too-large", () => Buffer.concat([ggufImage({ tensorCount: 100_000n }), new Uint8Array(3_300_000)])],
  ["20 000 keys", "count-too-large", () => ggufImage({ keys: many(20_000) })],
  ["a key of 2^63 bytes", "truncated", () => ggufImage({ keys: [{ key: Buffer.concat([u64(2n ** 63n)]), type: u8, value: Uint8Array.of(1) }] }).fill(0xff, 24, 32)],
  ["a key of 9 MiB", "count-too-large", () => withKey("k".repeat(9 << 20), u8, Uint8Array.of(1))],
  ["a text of 2^63 bytes", "truncated", () => withKey("general.name", string, text("llama", 2n ** 63n))],
  ["a text of 2^64 - 1 bytes", "truncated", () => withKey("general.name", string, text("llama", 2n ** 64n - 1n))],
  ["a text one byte over the end", "truncated", () => cut(ggufImage({ keys: [{ key: "k", type: string, value: text("abc".repeat(20)) }] }), 36)],
  ["a text of 9 MiB", "count-too-large", () => withKey("general.name", string, text("n".repeat(9 << 20)))],
  ["a key that is not UTF-8", "string-encoding", () => ggufImage({ keys: [{ key: Uint8Array.of(0xff, 0xfe), type: u8, value: Uint8Array.of(1) }] })],
  ["a text that is not UTF-8", "string-encoding", () => withKey("general.name", string, text(Uint8Array.of(0xc0, 0xaf)))],
  ["a tensor's name that is not UTF-8", "string-encoding", () => ggufImage({ tensors: [{ ...tensor(), name: Buffer.from([0xff]) as unknown as string }] })],
  ["the same key twice", "duplicate-key", () => ggufImage({ keys: [key("a", 1), key("b", 1), key("a", 2)], tensors: [tensor()] })],
  ["the same key twice with the same value", "duplicate-key", () => ggufImage({ keys: [architecture, architecture], tensors: [tensor()] })],
  ["a value of type 13", "unknown-value-type", () => withKey("k", 13, u64(1n))],
  ["a value of type 2^32 - 1", "unknown-value-type", () => withKey("k", 2 ** 32 - 1, u64(1n))],
  ["an array of type 77", "unknown-value-type", () => withKey("k", array, arrayValue(77, [u64(1n)]))],
  ["an array of arrays", "nested-array", () => withKey("k", array, nested(1))],
  ["arrays nested 1 000 deep", "nested-array", () => withKey("k", array, nested(1_000))],
  ["an array of 2^61 + 16 texts", "truncated", () => withKey("k", array, arrayValue(string, [text("a")], 2n ** 61n + 16n))],
  ["an array of 2^64 - 1 bytes", "truncated", () => withKey("k", array, arrayValue(u8, [Uint8Array.of(1)], 2n ** 64n - 1n))],
  ["an array of 2^61 u64, whose bytes wrap to 0", "truncated", () => withKey("k", array, arrayValue(u64Type, [u64(1n)], 2n ** 61n))],
  ["a text of 2^63 bytes in an array", "truncated", () => withKey("k", array, arrayValue(string, [text("a"), text("b", 2n ** 63n)]))],
  ["a bool of 2", "invalid-value", () => withKey("k", bool, Uint8Array.of(2))],
  ["an alignment of 0", "invalid-alignment", () => ggufImage({ ...whole, keys: [key("general.alignment", 0)] })],
  ["an alignment of 3", "invalid-alignment", () => ggufImage({ ...whole, keys: [key("general.alignment", 3)] })],
  ["an alignment of 48", "invalid-alignment", () => ggufImage({ ...whole, keys: [key("general.alignment", 48)] })],
  ["an alignment of 2^63", "invalid-alignment", () => withKey("general.alignment", u64Type, u64(2n ** 63n))],
  ["an alignment that is a text", "invalid-alignment", () => ggufImage({ ...whole, keys: [key("general.alignment", "32")] })],
  ["an alignment that is an array", "invalid-alignment", () => ggufImage({ ...whole, keys: [key("general.alignment", [32])] })],
  ["an alignment behind the end", "invalid-offset", () => ggufImage({ ...whole, keys: [key("general.alignment", 2 ** 30)] })],
  ["no dimensions", "invalid-shape", () => withTensor({ rank: 0, sizes: [] })],
  ["nine dimensions", "invalid-shape", () => withTensor({ sizes: [2, 2, 2, 2, 2, 1, 1, 1, 1] })],
  ["2^32 - 1 dimensions", "invalid-shape", () => withTensor({ rank: 2 ** 32 - 1 })],
  ["sizes whose product wraps to 0", "invalid-shape", () => withTensor({ sizes: [2n ** 32n, 2n ** 32n] })],
  ["sizes whose bytes wrap to 128", "invalid-shape", () => withTensor({ sizes: [2n ** 62n + 8n, 4] })],
  ["a size of 2^63", "invalid-shape", () => withTensor({ sizes: [2n ** 63n, 0] })],
  ["rows that are no whole blocks", "invalid-shape", () => withTensor({ type: 2, sizes: [48, 2] })],
  ["a tensor of type 200", "unknown-tensor-type", () => withTensor({ type: 200 })],
  ["a tensor of a type that was removed", "unknown-tensor-type", () => withTensor({ type: 4, sizes: [32, 2] })],
  ["an offset of 2^40", "invalid-offset", () => withTensor({ offset: 2n ** 40n })],
  ["an offset of 2^64 - 32", "invalid-offset", () => withTensor({ offset: 2n ** 64n - 32n })],
  ["an offset that is not aligned", "invalid-offset", () => ggufImage({ tensors: [tensor(), tensor({ name: "v", offset: 130n })] })],
  ["data one byte short", "invalid-offset", () => cut(ggufImage(whole), 1)],
  ["no data", "invalid-offset", () => cut(ggufImage(whole), 128)],
  ["two tensors over the same bytes", "overlap", () => ggufImage({ tensors: [tensor(), tensor({ name: "v", offset: 0n })] })],
  ["a tensor inside another", "overlap", () => ggufImage({ tensors: [tensor(), tensor({ name: "v", sizes: [8], offset: 32n })] })],
  ["two tensors of one name", "duplicate-tensor", () => ggufImage({ tensors: [tensor(), tensor()] })],
  ["an end among the keys", "truncated", () => ggufImage({ keys: [architecture, key("b", "c".repeat(50))] }).subarray(0, 90)],
  ["an end among the tensors", "truncated", () => ggufImage({ keys: [architecture], tensors: [tensor(), tensor({ name: "v" })] }).subarray(0, 120)],
  ["an end in a number", "truncated", () => Buffer.concat([ggufImage({ keyCount: 1n }).subarray(0, 24), text("general.name"), u32(u64Type), new Uint8Array(3)])],
];

/** Every way we know to break a single file. */
export const hostileGgufFiles: readonly HostileGguf[] = rows.map(([name, problem, image]) => ({ name, problem, image }));
