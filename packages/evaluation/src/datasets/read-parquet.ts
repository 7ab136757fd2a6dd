import { DatasetError } from "@elastic-attention/core";
import { openRows } from "@elastic-attention/data-files";

/** All rows of a Parquet file, as objects; for files of some ten megabytes. @throws DatasetError */
export async function readParquetRows(path: string): Promise<readonly unknown[]> {
  using source = await openRows([path], (message, options) => new DatasetError(message, options));
  const rows: unknown[] = [];
  for (let row = 0; row < source.numRows; row++) rows.push(await source.read(row));
  return rows;
}
