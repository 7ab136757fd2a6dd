import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import { DatasetError } from "@elastic-attention/core";

/** All rows of a Parquet file, as objects; for files of some ten megabytes. @throws DatasetError */
export async function readParquetRows(path: string): Promise<readonly unknown[]> {
  try {
    return await parquetReadObjects({ file: await asyncBufferFromFile(path) });
  } catch (cause) {
    throw new DatasetError(`Cannot read ${path}: ${(cause as Error).message}.`, {
      hint: "Check the name; a file that is damaged or was cut short is to be downloaded again.",
      cause,
    });
  }
}
