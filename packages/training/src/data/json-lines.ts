import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { basename } from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { TrainingDataError } from "@elastic-attention/core";
import type { RowSource } from "./row-source.js";

const newline = 10;

/** Where bytes are read from: an open file, or memory for a compressed one. */
interface ByteReader {
  readonly length: number;
  read(start: number, end: number): Buffer;
  close(): void;
}

/** A file of one JSON object a line; only the places of its lines are kept in memory. @throws TrainingDataError */
export async function openJsonLines(path: string): Promise<RowSource> {
  const reader = openBytes(path);
  try {
    const lines = findLines(reader);
    if (lines.length === 0) throw new TrainingDataError(`${path} has no rows.`);
    return new JsonLines(path, reader, lines);
  } catch (error) {
    reader.close();
    throw error;
  }
}

class JsonLines implements RowSource {
  readonly parts = [0];

  constructor(
    private readonly path: string,
    private readonly bytes: ByteReader,
    private readonly lines: readonly (readonly [start: number, end: number, number: number])[],
  ) {}

  get numRows(): number {
    return this.lines.length;
  }

  async read(row: number): Promise<unknown> {
    const [start, end] = this.lines[row]!;
    try {
      return JSON.parse(this.bytes.read(start, end).toString("utf8")) as unknown;
    } catch (cause) {
      throw new TrainingDataError(`${this.where(row)}: not JSON: ${(cause as Error).message}.`, { cause });
    }
  }

  where(row: number): string {
    return `${basename(this.path)} line ${this.lines[row]![2]}`;
  }

  [Symbol.dispose](): void {
    this.bytes.close();
  }
}

function openBytes(path: string): ByteReader {
  try {
    if (path.endsWith(".gz")) return memoryBytes(gunzipSync(readFileSync(path)));
    if (path.endsWith(".br")) return memoryBytes(brotliDecompressSync(readFileSync(path)));
    const descriptor = openSync(path, "r");
    return {
      length: fstatSync(descriptor).size,
      read(start, end) {
        const bytes = Buffer.alloc(end - start);
        const count = readSync(descriptor, bytes, 0, bytes.length, start);
        return bytes.subarray(0, count);
      },
      close: () => closeSync(descriptor),
    };
  } catch (cause) {
    throw new TrainingDataError(`Cannot read ${path}: ${(cause as Error).message}.`, { hint: "Check the path under `data`.", cause });
  }
}

function memoryBytes(bytes: Buffer): ByteReader {
  return { length: bytes.length, read: (start, end) => bytes.subarray(start, end), close: () => {} };
}

/** Start, end and number (from 1) of every line that is not blank. */
function findLines(bytes: ByteReader): [number, number, number][] {
  const lines: [number, number, number][] = [];
  let [start, number] = [0, 1];
  const add = (end: number) => {
    if (end > start && bytes.read(start, Math.min(end, start + 64)).toString("latin1").trim() !== "") lines.push([start, end, number]);
    number += 1;
  };
  for (let at = 0; at < bytes.length; at += 1 << 20) {
    const chunk = bytes.read(at, Math.min(bytes.length, at + (1 << 20)));
    for (let found = chunk.indexOf(newline); found >= 0; found = chunk.indexOf(newline, found + 1)) {
      add(at + found);
      start = at + found + 1;
    }
  }
  add(bytes.length);
  return lines;
}
