import { TrainingDataError } from "@elastic-attention/core";
import { openRows as openDataFiles, type RowSource } from "@elastic-attention/data-files";

/**
 * Opens `.jsonl` (also `.jsonl.gz`, `.jsonl.zst`, `.jsonl.br`) and `.parquet` files as one source, in the order given.
 * @throws TrainingDataError for a file that is missing, damaged, empty or of another kind
 */
export function openRows(paths: readonly string[]): Promise<RowSource> {
  return openDataFiles(paths, (message, options) => new TrainingDataError(message, options));
}
