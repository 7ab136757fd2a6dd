import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { decodeText } from "@elastic-attention/core";
import { compressionOf, readBytes } from "./read-bytes.js";

/** Where bytes of UTF-8 are read from: an open file, or memory for a compressed one and one in another encoding. */
export interface ByteReader extends Disposable {
  readonly length: number;
  /** Bytes of the mark in front, which are no text. */
  readonly markBytes: number;
  read(start: number, end: number): Uint8Array;
}

/** @throws the system's error, that of the decompression, TextEncodingError */
export function openBytes(path: string): ByteReader {
  const file = openFile(path);
  try {
    const begin = file.read(0, 4096);
    if (compressionOf(path, begin) === undefined && !isUtf16(begin)) return { ...file, markBytes: markBytes(begin) };
    const bytes = readBytes(path);
    const utf8 = isUtf16(bytes) ? Buffer.from(decodeText(bytes, path)) : bytes;
    file[Symbol.dispose]();
    return { length: utf8.length, markBytes: markBytes(utf8), read: (start, end) => utf8.subarray(start, end), [Symbol.dispose]() {} };
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
}

function openFile(path: string): Omit<ByteReader, "markBytes"> {
  const descriptor = openSync(path, "r");
  return {
    length: fstatSync(descriptor).size,
    read(start, end) {
      const bytes = new Uint8Array(end - start);
      return bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, start));
    },
    [Symbol.dispose]: () => closeSync(descriptor),
  };
}

/** With its mark, or by the zero byte beside the brace that a row begins with: `decodeText` then says what is wrong. */
function isUtf16([first = 1, second = 1]: Uint8Array): boolean {
  return (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff) || first === 0 || second === 0;
}

function markBytes([first, second, third]: Uint8Array): number {
  return first === 0xef && second === 0xbb && third === 0xbf ? 3 : 0;
}
