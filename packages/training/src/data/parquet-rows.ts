import { basename } from "node:path";
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { TrainingDataError } from "@elastic-attention/core";
import type { RowSource } from "./row-source.js";

/** A Parquet file; one row group is kept decoded. @throws TrainingDataError */
export async function openParquet(path: string): Promise<RowSource> {
  try {
    const file = await asyncBufferFromFile(path);
    const metadata = await parquetMetadataAsync(file);
    const parts: number[] = [];
    let rows = 0;
    for (const group of metadata.row_groups) {
      parts.push(rows);
      rows += Number(group.num_rows);
    }
    if (rows === 0) throw new TrainingDataError(`${path} has no rows.`);
    const read = (rowStart: number, rowEnd: number) => parquetReadObjects({ file, metadata, rowStart, rowEnd });
    return new ParquetRows(path, rows, parts, read);
  } catch (cause) {
    if (TrainingDataError.isInstance(cause)) throw cause;
    throw new TrainingDataError(`Cannot read ${path}: ${(cause as Error).message}.`, { hint: "Check the path under `data`, or download the file again.", cause });
  }
}

class ParquetRows implements RowSource {
  #group: { readonly start: number; readonly rows: readonly unknown[] } | undefined;

  constructor(
    private readonly path: string,
    readonly numRows: number,
    readonly parts: readonly number[],
    private readonly readGroup: (start: number, end: number) => Promise<unknown[]>,
  ) {}

  async read(row: number): Promise<unknown> {
    const part = this.parts.findLastIndex((start) => start <= row);
    const start = this.parts[part]!;
    if (this.#group?.start !== start) {
      try {
        this.#group = { start, rows: await this.readGroup(start, this.parts[part + 1] ?? this.numRows) };
      } catch (cause) {
        throw new TrainingDataError(`${this.path}: row group ${part} cannot be read: ${(cause as Error).message}.`, { cause });
      }
    }
    return this.#group.rows[row - start];
  }

  where(row: number): string {
    return `${basename(this.path)} row ${row + 1}`;
  }

  [Symbol.dispose](): void {
    this.#group = undefined;
  }
}
