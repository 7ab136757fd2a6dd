import { isUtf8 } from "node:buffer";
import { SafetensorsFormatError, type SafetensorsProblem } from "@elastic-attention/core";
import { elementByteSize, type ElementType, isElementType } from "./element-types.js";
import { findDuplicateKey } from "./duplicate-key.js";
import { longestList } from "./longest-list.js";

/** Where a tensor lies in its file. */
export interface TensorEntry {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** From the start of the file. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** Largest header that is read, as the format prescribes. */
export const maxHeaderBytes = 100_000_000;

/** Most sizes of a shape: as many as NumPy and PyTorch take. */
const maximumRank = 64;

const openingBrace = 0x7b;

function notAnObject(file: string): SafetensorsFormatError {
  return new SafetensorsFormatError(file, "header-json", "has a header that does not start with {.");
}

/**
 * The length that the first 8 bytes of a file announce, checked against the file before anything is allocated; a ninth
 * byte, where `prefix` has one, must already be the header's `{`.
 * @throws SafetensorsFormatError
 */
export function headerLength(file: string, prefix: Uint8Array, fileBytes: number): number {
  if (prefix.length < 8) throw new SafetensorsFormatError(file, "truncated", "is shorter than the 8 bytes of its length.");
  const view = new DataView(prefix.buffer, prefix.byteOffset, 8);
  const length = view.getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes)) {
    throw new SafetensorsFormatError(file, "header-too-large", `announces a header of ${length} bytes, over ${maxHeaderBytes}.`);
  }
  if (Number(length) + 8 > fileBytes) {
    throw new SafetensorsFormatError(file, "truncated", `announces a header of ${length} bytes but has ${fileBytes} in all.`);
  }
  if (prefix.length > 8 && prefix[8] !== openingBrace) throw notAnObject(file);
  return Number(length);
}

/**
 * Reads a header and proves that its tensors cover the rest of the file exactly, without gap or overlap.
 * @throws SafetensorsFormatError
 */
export function parseHeader(file: string, bytes: Uint8Array, fileBytes: number): SafetensorsHeader {
  const fail = (problem: SafetensorsProblem, detail: string): never => {
    throw new SafetensorsFormatError(file, problem, detail);
  };
  if (bytes[0] !== openingBrace) throw notAnObject(file);
  if (!isUtf8(bytes)) fail("header-encoding", "has a header that is not UTF-8.");
  if (longestList(bytes) > maximumRank) fail("invalid-shape", `has a shape of more than ${maximumRank} sizes in its header.`);
  // Several times as fast as a TextDecoder; there is no mark of byte order to keep, since the first byte is a brace.
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  let root: unknown;
  try {
    root = JSON.parse(text, /__proto__|\\u/.test(text) ? refuseReservedKey : undefined);
  } catch (error) {
    fail("header-json", `has a header that is not JSON: ${(error as Error).message}.`);
  }
  const duplicate = findDuplicateKey(text);
  if (duplicate !== undefined) fail("duplicate-key", `names ${JSON.stringify(duplicate)} twice in its header.`);
  if (!isRecord(root)) return fail("header-json", "has a header that is not an object.");

  const dataStart = 8 + bytes.length;
  const tensors = new Map<string, TensorEntry>();
  const metadata = new Map<string, string>();
  for (const [name, value] of Object.entries(root)) {
    if (name === "__metadata__") {
      if (!isRecord(value)) return fail("invalid-metadata", "has __metadata__ that is not an object.");
      for (const [key, item] of Object.entries(value)) {
        if (typeof item !== "string") return fail("invalid-metadata", `has __metadata__ "${key}" that is not a text.`);
        metadata.set(key, item);
      }
    } else {
      tensors.set(name, parseEntry(name, value, dataStart, fileBytes, fail));
    }
  }
  let end = dataStart;
  for (const entry of [...tensors.values()].sort((a, b) => a.byteOffset - b.byteOffset || a.byteLength - b.byteLength)) {
    if (entry.byteOffset !== end) {
      fail("gap-or-overlap", `tensor "${entry.name}" begins at data byte ${entry.byteOffset - dataStart}, expected ${end - dataStart}.`);
    }
    end += entry.byteLength;
  }
  if (end !== fileBytes) fail("trailing-bytes", `has ${fileBytes - end} bytes that belong to no tensor.`);
  return { tensors, metadata };
}

type Fail = (problem: SafetensorsProblem, detail: string) => never;

function parseEntry(name: string, value: unknown, dataStart: number, fileBytes: number, fail: Fail): TensorEntry {
  if (!isRecord(value)) return fail("header-json", `tensor "${name}" is not an object.`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string" || !isElementType(dtype)) {
    return fail("unknown-dtype", `tensor "${name}" has dtype ${excerpt(dtype)}.`);
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    return fail("invalid-shape", `tensor "${name}" has shape ${excerpt(shape)}.`);
  }
  const [start, end] = Array.isArray(offsets) && offsets.length === 2 ? (offsets as unknown[]) : [];
  if (!isCount(start) || !isCount(end) || start > end || dataStart + end > fileBytes) {
    return fail("invalid-offsets", `tensor "${name}" has offsets ${excerpt(offsets)} in a file of ${fileBytes} bytes.`);
  }
  const byteLength = end - start;
  const expected = exactByteLength(shape, elementByteSize(dtype));
  if (expected !== byteLength) {
    const needed = expected ?? "more than 2^53";
    return fail("wrong-byte-count", `tensor "${name}" (${dtype} ${excerpt(shape)}) needs ${needed} bytes, has ${byteLength}.`);
  }
  return { name, type: dtype, shape, byteOffset: dataStart + start, byteLength };
}

/** undefined beyond 2^53, where the product would round. */
function exactByteLength(shape: readonly number[], elementBytes: number): number | undefined {
  if (shape.includes(0)) return 0;
  let product = elementBytes;
  for (const size of shape) {
    product *= size;
    if (!Number.isSafeInteger(product)) return undefined;
  }
  return product;
}

/** A value from the file for an error message, cut where it would flood it; nesting is not followed. */
function excerpt(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value);
  if (!Array.isArray(value)) return typeof value === "object" && value !== null ? "{…}" : String(value);
  const items = value.slice(0, 10).map((item: unknown) => (Array.isArray(item) ? "[…]" : excerpt(item)));
  return `[${items.join(", ")}${value.length > items.length ? ", …" : ""}]`;
}

/** `__proto__` as a key would change objects that it is copied to. Asked only when a text may hold it: it is slow. */
function refuseReservedKey(key: string, value: unknown): unknown {
  if (key === "__proto__") throw new SyntaxError('the key "__proto__" is not allowed');
  return value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
