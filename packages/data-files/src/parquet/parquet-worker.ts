// The program of a thread that reads a Parquet file: a damaged one can keep it busy for ever, and it is ended then.
import { statSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { asyncBufferFromFile, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import type { ParquetAnswer, ParquetThreadData, ReadRows } from "./parquet-messages.js";
import { plainValue } from "./plain-values.js";

const port = parentPort;
if (port === null) throw new Error("This module runs in a worker thread; use openRows.");

/** More rows than this for each byte of a file are no rows of text. */
const rowsPerByte = 100;

const { path } = workerData as ParquetThreadData;
const send = (answer: ParquetAnswer) => port.postMessage(answer);

async function open(): Promise<(range: ReadRows) => Promise<ParquetAnswer>> {
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  const parts: number[] = [];
  let numRows = 0;
  for (const { num_rows } of metadata.row_groups) {
    parts.push(numRows);
    numRows += rowCount(num_rows);
  }
  send({ type: "opened", numRows, parts });
  return (range) => readRows(file, metadata, range);
}

function rowCount(count: bigint): number {
  const most = rowsPerByte * statSync(path).size;
  if (count < 0n || count > BigInt(most)) throw new Error(`a row group says that it has ${count} rows`);
  return Number(count);
}

async function readRows(file: Awaited<ReturnType<typeof asyncBufferFromFile>>, metadata: FileMetaData, { start, end }: ReadRows): Promise<ParquetAnswer> {
  const rows = await parquetReadObjects({ file, metadata, compressors, rowStart: start, rowEnd: end });
  if (rows.length !== end - start) throw new Error(`${rows.length} rows where its metadata has ${end - start}`);
  return { type: "rows", rows: rows.map(plainValue) };
}

const failed = (error: unknown): ParquetAnswer => ({ type: "failed", message: error instanceof Error ? error.message : String(error) });

try {
  const read = await open();
  port.on("message", (range: ReadRows) => void read(range).then(send).catch((error: unknown) => send(failed(error))));
} catch (error) {
  send(failed(error));
}
