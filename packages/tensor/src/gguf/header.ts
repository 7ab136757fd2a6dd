import type { ByteRange, ByteSource } from "../positional-file.js";
import { HeaderCursor } from "./header-cursor.js";
import { ggufTensorTypes } from "./tensor-types.js";
import { type GgufValueType, readScalar, scalarBytes, valueTypes } from "./value-types.js";

/** Where a tensor lies in its file. */
export interface GgufTensorEntry {
  readonly name: string;
  /** Name of its type: F32, Q4_K, … */
  readonly type: string;
  /** Rows first, as everywhere here; the file lists sizes the other way round. */
  readonly shape: readonly number[];
  /** From the start of the file. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** An array of the metadata, which stays in the file until it is asked for. */
export interface GgufArray {
  readonly elementType: Exclude<GgufValueType, "array">;
  readonly length: number;
  /** From the start of the file. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

export type GgufValue = number | bigint | boolean | string | GgufArray;

export interface GgufHeader {
  readonly version: number;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** Where each value stands in the file, its type in front. */
  readonly places: ReadonlyMap<string, ByteRange>;
  readonly tensors: ReadonlyMap<string, GgufTensorEntry>;
}

const magic = "GGUF";
/** More keys or tensors than any model has; what they would take in memory is bounded with them. */
const maxKeys = 16_384;
const maxTensors = 65_536;
/** As ggml has them. */
const maxRank = 4;
const defaultAlignment = 32;
/** Bytes of the shortest key with its value, and of the shortest description of a tensor. */
const [leastKeyBytes, leastTensorBytes] = [13, 32];

/**
 * Reads a header and proves that its tensors lie within the file, aligned and without overlap.
 * @throws GgufFormatError
 */
export function readHeader(file: ByteSource): GgufHeader {
  const cursor = new HeaderCursor(file);
  const version = readVersion(cursor);
  const tensorCount = cursor.u64();
  const keyCount = cursor.u64();
  const counts = [["tensors", tensorCount, maxTensors, leastTensorBytes], ["keys", keyCount, maxKeys, leastKeyBytes]] as const;
  for (const [what, count, limit, least] of counts) {
    if (count * least > cursor.remaining) throw cursor.truncated(`The header announces ${count} ${what}`);
    if (count > limit) throw cursor.fail("count-too-large", `has ${count} ${what}, over ${limit}.`);
  }
  const metadata = new Map<string, GgufValue>();
  const places = new Map<string, ByteRange>();
  const longTexts = new Map<string, () => string>();
  for (let i = 0; i < keyCount; i++) {
    const key = cursor.string("A key");
    if (metadata.has(key)) throw cursor.fail("duplicate-key", `has the key ${quoted(key)} twice.`);
    const start = cursor.position;
    const value = readValue(cursor, key);
    places.set(key, { start, end: cursor.position });
    if (typeof value === "function") longTexts.set(key, value);
    metadata.set(key, typeof value === "function" ? "" : value);
  }
  const alignment = alignmentOf(cursor, metadata);
  const listed: GgufTensorEntry[] = [];
  for (let i = 0; i < tensorCount; i++) listed.push(readTensor(cursor, alignment));
  const dataStart = Math.ceil(cursor.position / alignment) * alignment;
  const tensors = placeTensors(cursor, listed, dataStart, file.size);
  for (const [key, read] of longTexts) metadata.set(key, read());
  return { version, metadata, places, tensors };
}

function readVersion(cursor: HeaderCursor): number {
  if (cursor.remaining < 24) throw cursor.fail("truncated", `is shorter than the 24 bytes that begin a GGUF file.`);
  if (cursor.bytes(4).toString("latin1") !== magic) throw cursor.fail("bad-magic", `does not begin with "${magic}".`);
  const version = cursor.u32();
  if (version !== 0 && (version & 0xffff) === 0) {
    throw cursor.fail("big-endian", "is a big-endian GGUF file; only little-endian ones are read.");
  }
  if (version !== 2 && version !== 3) throw cursor.fail("unsupported-version", `is GGUF of version ${version}.`);
  return version;
}

/** A value, or what reads a long text. */
function readValue(cursor: HeaderCursor, key: string): GgufValue | (() => string) {
  const type = readType(cursor, key);
  if (type === "string") return cursor.stringOrReader(`The value of ${quoted(key)}`);
  if (type === "array") return readArray(cursor, key);
  const value = readScalar(cursor.bytes(scalarBytes[type]), 0, type);
  if (value === undefined) throw cursor.fail("invalid-value", `${quoted(key)} is a bool that is neither 0 nor 1.`);
  return value;
}

function readArray(cursor: HeaderCursor, key: string): GgufArray {
  const elementType = readType(cursor, key);
  if (elementType === "array") throw cursor.fail("nested-array", `${quoted(key)} is an array of arrays.`);
  const length = cursor.u64();
  const least = elementType === "string" ? 8 : scalarBytes[elementType];
  if (length * least > cursor.remaining) throw cursor.truncated(`${quoted(key)} announces ${length} elements`);
  const byteOffset = cursor.position;
  if (elementType === "string") cursor.skipStrings(length, quoted(key));
  else cursor.skip(length * least, quoted(key));
  return { elementType, length, byteOffset, byteLength: cursor.position - byteOffset };
}

function readType(cursor: HeaderCursor, key: string): GgufValueType {
  const number = cursor.u32();
  const type = valueTypes[number];
  if (type === undefined) throw cursor.fail("unknown-value-type", `${quoted(key)} has a value of the unknown type ${number}.`);
  return type;
}

function alignmentOf(cursor: HeaderCursor, metadata: ReadonlyMap<string, GgufValue>): number {
  const alignment = metadata.get("general.alignment") ?? defaultAlignment;
  if (typeof alignment !== "number" || !(alignment > 0) || alignment > 2 ** 31 || !Number.isInteger(Math.log2(alignment))) {
    const found = typeof alignment === "object" ? "an array" : String(alignment).slice(0, 40);
    throw cursor.fail("invalid-alignment", `has general.alignment ${found}, which is no power of two.`);
  }
  return alignment;
}

/** The tensor's offset counts from the start of the data. */
function readTensor(cursor: HeaderCursor, alignment: number): GgufTensorEntry {
  const name = cursor.string("A tensor's name");
  const what = `Tensor ${quoted(name)}`;
  const rank = cursor.u32();
  if (rank < 1 || rank > maxRank) throw cursor.fail("invalid-shape", `${what} has ${rank} dimensions; 1 to ${maxRank} are possible.`);
  const sizes = Array.from({ length: rank }, () => cursor.u64());
  const typeNumber = cursor.u32();
  const byteOffset = cursor.u64();
  const type = ggufTensorTypes.get(typeNumber);
  if (type === undefined) throw cursor.fail("unknown-tensor-type", `${what} is of the unknown type ${typeNumber}.`);
  if (type.blockSize === 0) throw cursor.fail("unknown-tensor-type", `${what} is of type ${type.name}, which is not supported.`);
  const elements = sizes.reduce((product, size) => (product === 0 || size === 0 ? 0 : product * size), 1);
  const shape = `[${sizes.join(", ")}]`;
  if (!sizes.every(Number.isSafeInteger) || !Number.isSafeInteger(elements * type.blockBytes)) {
    throw cursor.fail("invalid-shape", `${what} has the sizes ${shape}, more than can be counted.`);
  }
  if (sizes[0]! % type.blockSize !== 0) {
    throw cursor.fail("invalid-shape", `${what} has rows of ${sizes[0]}, no multiple of the ${type.blockSize} of ${type.name}.`);
  }
  if (byteOffset % alignment !== 0) {
    throw cursor.fail("invalid-offset", `${what} is at ${byteOffset}, no multiple of the alignment ${alignment}.`);
  }
  const byteLength = (elements / type.blockSize) * type.blockBytes;
  return { name, type: type.name, shape: sizes.toReversed(), byteOffset, byteLength };
}

/** Offsets from the start of the file, checked against it and against each other. */
function placeTensors(cursor: HeaderCursor, listed: readonly GgufTensorEntry[], dataStart: number, fileBytes: number): Map<string, GgufTensorEntry> {
  const tensors = new Map<string, GgufTensorEntry>();
  for (const tensor of listed) {
    const { name, byteLength } = tensor;
    if (tensors.has(name)) throw cursor.fail("duplicate-tensor", `has two tensors named ${quoted(name)}.`);
    const byteOffset = dataStart + tensor.byteOffset;
    if (!(byteOffset + byteLength <= fileBytes)) {
      const end = `${byteLength} bytes at ${byteOffset}`;
      throw cursor.fail("invalid-offset", `Tensor ${quoted(name)} has ${end}, beyond the ${fileBytes} of the file.`);
    }
    tensors.set(name, { ...tensor, byteOffset });
  }
  const inOrder = [...tensors.values()].filter((tensor) => tensor.byteLength > 0).sort((a, b) => a.byteOffset - b.byteOffset);
  for (const [index, next] of inOrder.entries()) {
    const before = inOrder[index - 1];
    if (before !== undefined && before.byteOffset + before.byteLength > next.byteOffset) {
      throw cursor.fail("overlap", `Tensors ${quoted(before.name)} and ${quoted(next.name)} share bytes.`);
    }
  }
  return tensors;
}

/** A name from the file for an error message, cut where it would flood it. */
function quoted(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name);
}
