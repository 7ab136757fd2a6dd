import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { FileWriteError } from "../errors/files/file-write-error.js";

/**
 * Writes a file whole or not at all: a temporary file beside it takes its place when everything is on the disk.
 *
 * @param contents pieces in their order; strings are written as UTF-8. An error that producing a piece throws is thrown on.
 * @throws FileWriteError naming the file; what stood there before is unchanged
 */
export function writeFileWhole(path: string, contents: string | Iterable<Uint8Array>): void {
  const temporary = `${path}.${process.pid}.partial`;
  const step = <Result>(work: () => Result): Result => {
    try {
      return work();
    } catch (cause) {
      throw new FileWriteError(path, cause);
    }
  };
  const descriptor = step(() => openSync(temporary, "w"));
  try {
    try {
      for (const piece of typeof contents === "string" ? [Buffer.from(contents)] : contents) step(() => writeFully(descriptor, piece));
      step(() => fsyncSync(descriptor));
    } finally {
      closeSync(descriptor);
    }
    step(() => renameSync(temporary, path));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function writeFully(descriptor: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.byteLength) done += writeSync(descriptor, bytes, done, Math.min(1 << 30, bytes.byteLength - done));
}
