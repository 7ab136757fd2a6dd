import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { FileWriteError } from "../errors/files/file-write-error.js";

/**
 * Writes a file whole or not at all: a temporary file beside it takes its place when everything is on the disk.
 *
 * @param contents pieces in their order; strings are written as UTF-8. An error that producing a piece throws is thrown on.
 * @throws FileWriteError naming the file; what stood there before is unchanged
 */
export function writeFileWhole(path: string, contents: string | Iterable<Uint8Array>): void {
  using file = new PartialFile(path);
  for (const piece of typeof contents === "string" ? [Buffer.from(contents)] : contents) file.write(piece);
  file.finish();
}

export interface LargeFileOptions {
  /** Told after each piece how many bytes are written. */
  readonly onProgress?: (bytes: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Between two turns of the event loop while a large file is written. */
const turnMilliseconds = 50;

/**
 * The same for a file that takes long: timers and signals are served between its pieces.
 * @throws FileWriteError; the signal's reason, with nothing left behind
 */
export async function writeLargeFile(path: string, pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>, { onProgress, signal }: LargeFileOptions = {}): Promise<void> {
  signal?.throwIfAborted();
  using file = new PartialFile(path);
  // A second Ctrl-C ends the process where it is.
  const discard = () => file[Symbol.dispose]();
  process.once("exit", discard);
  try {
    let [bytes, turn] = [0, performance.now()];
    for await (const piece of pieces) {
      file.write(piece);
      onProgress?.((bytes += piece.byteLength));
      if (performance.now() - turn < turnMilliseconds) continue;
      await setImmediate();
      signal?.throwIfAborted();
      turn = performance.now();
    }
    file.finish();
  } finally {
    process.off("exit", discard);
  }
}

/** A file under a temporary name until it is whole; removed when it is disposed before. */
class PartialFile implements Disposable {
  readonly #temporary: string;
  #descriptor: number | undefined;

  constructor(private readonly path: string) {
    this.#temporary = `${path}.${process.pid}.partial`;
    this.#descriptor = this.#step(() => openSync(this.#temporary, "w"));
  }

  write(bytes: Uint8Array): void {
    const descriptor = this.#descriptor!;
    this.#step(() => {
      let done = 0;
      while (done < bytes.byteLength) done += writeSync(descriptor, bytes, done, Math.min(1 << 30, bytes.byteLength - done));
    });
  }

  finish(): void {
    const descriptor = this.#descriptor!;
    this.#step(() => fsyncSync(descriptor));
    this.#step(() => closeSync(descriptor));
    this.#step(() => renameSync(this.#temporary, this.path));
    this.#descriptor = undefined;
  }

  [Symbol.dispose](): void {
    const descriptor = this.#descriptor;
    if (descriptor === undefined) return;
    this.#descriptor = undefined;
    try {
      closeSync(descriptor);
    } catch {
      // Closed already where only the renaming failed.
    }
    rmSync(this.#temporary, { force: true });
  }

  #step<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (cause) {
      throw new FileWriteError(this.path, cause);
    }
  }
}
