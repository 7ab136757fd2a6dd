import { basename } from "node:path";
import { TrainingDataError } from "@elastic-attention/core";
import { openJsonLines } from "./json-lines.js";
import { openParquet } from "./parquet-rows.js";
import type { RowSource } from "./row-source.js";

/**
 * Opens `.jsonl` (also `.jsonl.gz`, `.jsonl.br`) and `.parquet` files as one source, in the order given.
 * @throws TrainingDataError for a file that is missing, damaged, empty or of another kind
 */
export async function openRows(paths: readonly string[]): Promise<RowSource> {
  const sources: RowSource[] = [];
  try {
    for (const path of paths) sources.push(await openOne(path));
  } catch (error) {
    for (const source of sources) source[Symbol.dispose]();
    throw error;
  }
  return new JoinedRows(sources);
}

function openOne(path: string): Promise<RowSource> {
  const name = basename(path);
  if (/\.jsonl(\.gz|\.br)?$/.test(name)) return openJsonLines(path);
  if (name.endsWith(".parquet")) return openParquet(path);
  throw new TrainingDataError(`${path} is not a data file that can be read.`, { hint: "Name .jsonl, .jsonl.gz, .jsonl.br or .parquet files." });
}

class JoinedRows implements RowSource {
  readonly numRows: number;
  readonly parts: readonly number[];
  readonly #starts: readonly number[];

  constructor(private readonly sources: readonly RowSource[]) {
    const starts: number[] = [];
    let rows = 0;
    for (const source of sources) {
      starts.push(rows);
      rows += source.numRows;
    }
    this.numRows = rows;
    this.#starts = starts;
    this.parts = sources.flatMap((source, index) => source.parts.map((part) => part + starts[index]!));
  }

  read(row: number): Promise<unknown> {
    const index = this.#sourceOf(row);
    return this.sources[index]!.read(row - this.#starts[index]!);
  }

  where(row: number): string {
    const index = this.#sourceOf(row);
    return this.sources[index]!.where(row - this.#starts[index]!);
  }

  [Symbol.dispose](): void {
    for (const source of this.sources) source[Symbol.dispose]();
  }

  #sourceOf(row: number): number {
    return this.#starts.findLastIndex((start) => start <= row);
  }
}
