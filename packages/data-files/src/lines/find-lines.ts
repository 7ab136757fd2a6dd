import type { ByteReader } from "../bytes/byte-reader.js";

const newline = 10;
const chunkBytes = 1 << 20;

/** A line of a file, without its end. */
export interface Line {
  readonly start: number;
  readonly end: number;
  /** From 1. */
  readonly number: number;
}

/** Every line that is not blank. */
export function findLines(bytes: ByteReader): Line[] {
  const lines: Line[] = [];
  let [start, number] = [bytes.markBytes, 1];
  const add = (end: number) => {
    if (end > start && !isBlank(bytes.read(start, Math.min(end, start + 64)))) lines.push({ start, end, number });
    number += 1;
  };
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const chunk = bytes.read(at, Math.min(bytes.length, at + chunkBytes));
    for (let found = chunk.indexOf(newline); found >= 0; found = chunk.indexOf(newline, found + 1)) {
      add(at + found);
      start = at + found + 1;
    }
  }
  add(bytes.length);
  return lines;
}

/** Of a line's beginning: a row begins sooner. */
function isBlank(bytes: Uint8Array): boolean {
  return Buffer.from(bytes).toString("latin1").trim() === "";
}
