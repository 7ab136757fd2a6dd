import { basename } from "node:path";
import { compressedEndings } from "./bytes/read-bytes.js";
import { JoinedRows } from "./joined-rows.js";
import { openJsonLines } from "./lines/open-json-lines.js";
import { openParquet } from "./parquet/open-parquet.js";
import type { MakeError, RowLimits, RowSource } from "./row-source.js";

/**
 * Opens `.jsonl` files, also compressed (`.gz`, `.zst`, `.br`), and `.parquet` files as one source, in the order given.
 *
 * @throws the error that `makeError` makes, for a file that is missing, damaged, empty or of another kind
 */
export async function openRows(paths: readonly string[], makeError: MakeError, limits: RowLimits = {}): Promise<RowSource> {
  const sources: RowSource[] = [];
  try {
    for (const path of paths) sources.push(await openOne(path, makeError, limits));
  } catch (error) {
    for (const source of sources) source[Symbol.dispose]();
    throw error;
  }
  return new JoinedRows(sources);
}

function openOne(path: string, makeError: MakeError, limits: RowLimits): Promise<RowSource> {
  const name = basename(path);
  const ending = compressedEndings.find((each) => name.endsWith(each)) ?? "";
  if (name.endsWith(`.jsonl${ending}`)) return openJsonLines(path, makeError);
  if (name.endsWith(".parquet")) return openParquet(path, makeError, limits);
  const known = [".jsonl", ...compressedEndings.map((each) => `.jsonl${each}`)].join(", ");
  throw makeError(`${path} is not a data file that can be read.`, { hint: `Name ${known} or .parquet files.` });
}
