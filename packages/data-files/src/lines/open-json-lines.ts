import { basename } from "node:path";
import { type ByteReader, openBytes } from "../bytes/byte-reader.js";
import type { MakeError, RowSource } from "../row-source.js";
import { findLines, type Line } from "./find-lines.js";

/** A file of one JSON value a line, compressed or not; only the places of its lines are kept in memory. @throws the caller's error */
export async function openJsonLines(path: string, makeError: MakeError): Promise<RowSource> {
  let bytes: ByteReader | undefined;
  try {
    bytes = openBytes(path);
    const lines = findLines(bytes);
    if (lines.length > 0) return new JsonLines(path, bytes, lines, makeError);
  } catch (cause) {
    bytes?.[Symbol.dispose]();
    throw makeError(`Cannot read ${path}: ${messageOf(cause)}`, { hint: "Check the path, or download the file again.", cause });
  }
  bytes[Symbol.dispose]();
  throw makeError(`${path} has no rows.`, {});
}

class JsonLines implements RowSource {
  readonly parts = [0];
  readonly readsAnyRow = true;

  constructor(
    private readonly path: string,
    private readonly bytes: ByteReader,
    private readonly lines: readonly Line[],
    private readonly makeError: MakeError,
  ) {}

  get numRows(): number {
    return this.lines.length;
  }

  async read(row: number): Promise<unknown> {
    const { start, end } = this.lines[row]!;
    try {
      return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(this.bytes.read(start, end))) as unknown;
    } catch (cause) {
      throw this.makeError(`${this.where(row)}: not JSON in UTF-8: ${messageOf(cause)}`, { cause });
    }
  }

  where(row: number): string {
    return `${basename(this.path)} line ${this.lines[row]!.number}`;
  }

  [Symbol.dispose](): void {
    this.bytes[Symbol.dispose]();
  }
}

/** The first line of an error's words, as a sentence. */
function messageOf(cause: unknown): string {
  const [line = ""] = (cause as Error).message.split("\n");
  return line.endsWith(".") ? line : `${line}.`;
}
