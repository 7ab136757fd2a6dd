import { isUtf8 } from "node:buffer";
import { GgufFormatError, type GgufProblem } from "@elastic-attention/core";
import type { ByteSource } from "../positional-file.js";

/** Most bytes of a header: several times what the largest vocabularies take. */
export const maxHeaderBytes = 48 << 20;

/** Most bytes of all strings that are read at once: many times the longest chat template and all names. */
const maxTextBytes = 8 << 20;

/** Most strings in lists: several times the tokens and merges of the largest vocabularies. */
const maxStrings = 2 << 20;

/** What is read from the file at once. */
const windowBytes = 256 << 10;

/**
 * Walks over the numbers and strings at the beginning of a file. Nothing is allocated for a length before it is known to
 * lie within the file.
 */
export class HeaderCursor {
  readonly #window = Buffer.alloc(windowBytes);
  #windowStart = 0;
  #windowLength = 0;
  #position = 0;

  /** Where the file ends, or where a header must have ended. */
  readonly #end: number;
  /** Of the strings that were read. */
  #textBytes = 0;
  /** Stepped over. */
  #strings = 0;

  constructor(private readonly file: ByteSource) {
    this.#end = Math.min(file.size, maxHeaderBytes);
  }

  /** From the start of the file. */
  get position(): number {
    return this.#position;
  }

  /** Bytes of the file that are left. */
  get remaining(): number {
    return this.file.size - this.#position;
  }

  u8(): number {
    return this.#window[this.#take(1)]!;
  }

  u16(): number {
    return this.#window.readUInt16LE(this.#take(2));
  }

  u32(): number {
    return this.#window.readUInt32LE(this.#take(4));
  }

  /** A length or count; inexact above 2^53, where every limit refuses it. */
  u64(): number {
    const at = this.#take(8);
    return this.#window.readUInt32LE(at) + this.#window.readUInt32LE(at + 4) * 2 ** 32;
  }

  /** A view of the next bytes, few at once, valid until the next call. */
  bytes(length: number): Buffer {
    const at = this.#take(length);
    return this.#window.subarray(at, at + length);
  }

  /** A string with its length in front. */
  string(what: string): string {
    const read = this.stringOrReader(what);
    return typeof read === "string" ? read : read();
  }

  /**
   * A string with its length in front; of a long one what reads it, while the file is open: nothing is read and decoded for
   * a header that is refused further on.
   */
  stringOrReader(what: string): string | (() => string) {
    const length = this.u64();
    if (length > this.remaining) throw this.truncated(`${what} has ${length} bytes`);
    this.#textBytes += length;
    if (this.#textBytes > maxTextBytes) throw this.fail("count-too-large", `${what} makes it ${this.#textBytes} bytes of names and texts, over ${maxTextBytes}.`);
    const otherwise = () => this.fail("string-encoding", `${what} is not UTF-8.`);
    if (length <= windowBytes) return decode(this.bytes(length), otherwise);
    const start = this.#position;
    this.skip(length, what);
    return () => {
      const bytes = Buffer.alloc(length);
      if (this.file.readInto(bytes, start) < length) throw this.truncated(`${what} has ${length} bytes`);
      return decode(bytes, otherwise);
    };
  }

  /** Steps over bytes that are known to be many or to lie within the file. */
  skip(length: number, what: string): void {
    if (length > this.remaining) throw this.truncated(`${what} has ${length} bytes`);
    this.#position += length;
    if (this.#position > this.#end) throw this.fail("header-too-large", `has a header of more than ${maxHeaderBytes} bytes.`);
  }

  /** Steps over strings one by one: the most of a header, so their lengths are looked at in place. */
  skipStrings(count: number, what: string): void {
    this.#strings += count;
    if (this.#strings > maxStrings) throw this.fail("count-too-large", `${what} makes it ${this.#strings} texts in lists, over ${maxStrings}.`);
    const window = this.#window;
    for (let i = 0; i < count; i++) {
      const at = this.#take(8);
      if ((window[at + 4]! | window[at + 5]! | window[at + 6]! | window[at + 7]!) !== 0) throw this.truncated(`A text of ${what} has 2^32 bytes or more`);
      const length = (window[at]! | (window[at + 1]! << 8) | (window[at + 2]! << 16)) + window[at + 3]! * 2 ** 24;
      if (this.#position + length > this.#end) this.skip(length, `A text of ${what}`);
      this.#position += length;
    }
  }

  fail(problem: GgufProblem, detail: string): GgufFormatError {
    return new GgufFormatError(this.file.path, problem, detail);
  }

  truncated(what: string): GgufFormatError {
    return this.fail("truncated", `${what}, but the file has ${this.remaining} after byte ${this.#position}.`);
  }

  /** Where in the window the next bytes are, which are then behind. */
  #take(length: number): number {
    let at = this.#position - this.#windowStart;
    if (at + length > this.#windowLength) {
      if (this.#position + length > this.#end) this.skip(length, "The next field");
      this.#windowStart = this.#position;
      this.#windowLength = this.file.readInto(this.#window, this.#position);
      // The file may have been cut since it was opened.
      if (length > this.#windowLength) throw this.truncated(`The next field has ${length} bytes`);
      at = 0;
    }
    this.#position += length;
    return at;
  }
}

/** The text of UTF-8 bytes. */
export function decode(bytes: Buffer, otherwise: () => Error): string {
  const text = bytes.toString("utf8");
  // Wrong bytes decode to this character, which is seldom written out itself.
  if (text.includes("\uFFFD") && !isUtf8(bytes)) throw otherwise();
  return text;
}
