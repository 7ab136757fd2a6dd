import { basename } from "node:path";
import type { MakeError, RowLimits, RowSource } from "../row-source.js";
import { ParquetThread } from "./parquet-thread.js";

/** A Parquet file, read in a thread of its own; one row group is kept decoded. @throws the caller's error */
export async function openParquet(path: string, makeError: MakeError, { milliseconds }: RowLimits = {}): Promise<RowSource> {
  let thread: ParquetThread | undefined;
  try {
    thread = new ParquetThread(path, milliseconds);
    const opened = await thread.ask();
    if (opened.type !== "opened") throw new Error("its thread answered out of turn");
    if (opened.numRows > 0) return new ParquetRows(path, opened.numRows, opened.parts, thread, makeError);
  } catch (cause) {
    thread?.[Symbol.dispose]();
    throw makeError(`Cannot read ${path}: ${(cause as Error).message}.`, { hint: "Check the path; a file that is damaged or was cut short is to be downloaded again.", cause });
  }
  thread[Symbol.dispose]();
  throw makeError(`${path} has no rows.`, {});
}

class ParquetRows implements RowSource {
  #group: { readonly part: number; readonly rows: Promise<readonly unknown[]> } | undefined;

  constructor(
    private readonly path: string,
    readonly numRows: number,
    readonly parts: readonly number[],
    private readonly thread: ParquetThread,
    private readonly makeError: MakeError,
  ) {}

  async read(row: number): Promise<unknown> {
    const part = this.parts.findLastIndex((start) => start <= row);
    // Kept as a promise: two that ask for rows of one group ask the thread once.
    if (this.#group?.part !== part) this.#group = { part, rows: this.#readAfter(this.#group?.rows, part) };
    return (await this.#group.rows)[row - this.parts[part]!];
  }

  where(row: number): string {
    return `${basename(this.path)} row ${row + 1}`;
  }

  [Symbol.dispose](): void {
    this.#group = undefined;
    this.thread[Symbol.dispose]();
  }

  /** The thread answers one question at a time. */
  async #readAfter(before: Promise<unknown> | undefined, part: number): Promise<readonly unknown[]> {
    await before?.catch(() => {});
    try {
      const answer = await this.thread.ask({ start: this.parts[part]!, end: this.parts[part + 1] ?? this.numRows });
      return answer.type === "rows" ? answer.rows : [];
    } catch (cause) {
      throw this.makeError(`${this.path}: row group ${part} cannot be read: ${(cause as Error).message}.`, {
        hint: "A file that is damaged or was cut short is to be downloaded again.",
        cause,
      });
    }
  }
}
