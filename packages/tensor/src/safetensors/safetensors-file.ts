import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { DisposedError, MissingTensorError, SafetensorsFormatError, ShapeError } from "@elastic-attention/core";
import { headerLength, parseHeader, type TensorEntry } from "./header.js";

/** One open safetensors file; tensors are read when asked for, at any offset, also beyond 2 GiB. */
export class SafetensorsFile implements Disposable {
  private constructor(
    readonly path: string,
    private descriptor: number | undefined,
    readonly tensors: ReadonlyMap<string, TensorEntry>,
    readonly metadata: ReadonlyMap<string, string>,
  ) {}

  /** Opens a file and checks its header completely. @throws SafetensorsFormatError, or the system's error (ENOENT, …) */
  static open(path: string): SafetensorsFile {
    const descriptor = openSync(path, constants.O_RDONLY | nonBlocking);
    try {
      const status = fstatSync(descriptor);
      if (!status.isFile()) throw new SafetensorsFormatError(path, "not-a-file", "is not a regular file.");
      const { size } = status;
      const prefix = readExactly(path, descriptor, 0, Math.min(9, size));
      const header = readExactly(path, descriptor, 8, headerLength(path, prefix, size));
      const { tensors, metadata } = parseHeader(path, header, size);
      return new SafetensorsFile(path, descriptor, tensors, metadata);
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  /** A tensor's place and shape. @throws MissingTensorError */
  entry(name: string): TensorEntry {
    const entry = this.tensors.get(name);
    if (entry === undefined) throw new MissingTensorError(name, this.path);
    return entry;
  }

  /**
   * The bytes of a tensor, aligned for any typed array, or of a range within it (an `end` beyond it is its end).
   * @throws MissingTensorError, ShapeError for a range that begins before the tensor or is no range, DisposedError
   */
  read(name: string, range: { readonly start: number; readonly end: number } = { start: 0, end: Infinity }): Uint8Array {
    const { byteOffset, byteLength } = this.entry(name);
    const end = Math.min(range.end, byteLength);
    if (!(Number.isSafeInteger(range.start) && Number.isSafeInteger(end) && range.start >= 0 && range.start <= range.end)) {
      throw new ShapeError(`${range.start} to ${range.end} is not a range of the ${byteLength} bytes of "${name}".`);
    }
    if (this.descriptor === undefined) throw new DisposedError(this.path);
    return readExactly(this.path, this.descriptor, byteOffset + range.start, Math.max(0, end - range.start));
  }

  /**
   * Where a tensor's bytes are, for those who read them by themselves (`Backend.readFile`); valid until the file is closed.
   * @throws MissingTensorError, DisposedError
   */
  locate(name: string): { readonly descriptor: number; readonly position: number } {
    const { byteOffset } = this.entry(name);
    if (this.descriptor === undefined) throw new DisposedError(this.path);
    return { descriptor: this.descriptor, position: byteOffset };
  }

  close(): void {
    if (this.descriptor !== undefined) closeSync(this.descriptor);
    this.descriptor = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Opening a named pipe must not wait for a writer that never comes; Windows has no such flag. */
const nonBlocking = constants.O_NONBLOCK ?? 0;

/** One read call takes at most this much: the system's own limit is just below 2 GiB. */
const maxReadBytes = 1 << 30;

function readExactly(path: string, descriptor: number, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const count = readSync(descriptor, bytes, done, Math.min(maxReadBytes, length - done), position + done);
    if (count === 0) throw new SafetensorsFormatError(path, "truncated", `ends at byte ${position + done}.`);
    done += count;
  }
  return bytes;
}
