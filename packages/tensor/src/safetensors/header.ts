import { elementByteSize, type ElementType, isElementType } from "./element-types.js";
import { SafetensorsFormatError, type SafetensorsProblem } from "./errors.js";
import { findDuplicateKey } from "./duplicate-key.js";

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

/**
 * The length that the first 8 bytes of a file announce, checked against the file before anything is allocated.
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
  if (bytes[0] !== 0x7b) fail("header-json", "has a header that does not start with {.");
  let text = "";
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    fail("header-encoding", "has a header that is not UTF-8.");
  }
  let root: unknown;
  try {
    root = JSON.parse(text, refuseReservedKey);
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
    return fail("unknown-dtype", `tensor "${name}" has dtype ${JSON.stringify(dtype)}.`);
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    return fail("invalid-shape", `tensor "${name}" has shape ${JSON.stringify(shape)}.`);
  }
  const [start, end] = Array.isArray(offsets) && offsets.length === 2 ? (offsets as unknown[]) : [];
  if (!isCount(start) || !isCount(end) || start > end || dataStart + end > fileBytes) {
    return fail("invalid-offsets", `tensor "${name}" has offsets ${JSON.stringify(offsets)} in a file of ${fileBytes} bytes.`);
  }
  const byteLength = end - start;
  // Compared as exact integers: a product beyond 2^53 must not round to the right answer.
  const expected = shape.reduce((product: bigint, size: number) => product * BigInt(size), BigInt(elementByteSize(dtype)));
  if (expected !== BigInt(byteLength)) {
    return fail("wrong-byte-count", `tensor "${name}" (${dtype} [${shape.join(", ")}]) needs ${expected} bytes, has ${byteLength}.`);
  }
  return { name, type: dtype, shape, byteOffset: dataStart + start, byteLength };
}

/** `__proto__` as a key would vanish from the parsed object instead of being checked. */
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
