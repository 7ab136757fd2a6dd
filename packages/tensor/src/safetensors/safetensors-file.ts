import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { MissingTensorError, SafetensorsFormatError } from "./errors.js";
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
    const descriptor = openSync(path, "r");
    try {
      const { size } = fstatSync(descriptor);
      const prefix = readExactly(path, descriptor, 0, Math.min(8, size));
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

  /** The bytes of a tensor, aligned for any typed array, or of a range within it. @throws MissingTensorError */
  read(name: string, range: { readonly start: number; readonly end: number } = { start: 0, end: Infinity }): Uint8Array {
    const { byteOffset, byteLength } = this.entry(name);
    const end = Math.min(range.end, byteLength);
    if (this.descriptor === undefined) throw new SafetensorsFormatError(this.path, "truncated", "was closed.");
    return readExactly(this.path, this.descriptor, byteOffset + range.start, Math.max(0, end - range.start));
  }

  close(): void {
    if (this.descriptor !== undefined) closeSync(this.descriptor);
    this.descriptor = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

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
