import { MissingTensorError, SafetensorsFormatError } from "@elastic-attention/core";
import { type ByteRange, PositionalFile, rangeWithin } from "../positional-file.js";
import { headerLength, parseHeader, type TensorEntry } from "./header.js";

/** One open safetensors file; tensors are read when asked for, at any offset, also beyond 2 GiB. */
export class SafetensorsFile implements Disposable {
  private constructor(
    readonly path: string,
    private readonly file: PositionalFile,
    readonly tensors: ReadonlyMap<string, TensorEntry>,
    readonly metadata: ReadonlyMap<string, string>,
  ) {}

  /** Opens a file and checks its header completely. @throws SafetensorsFormatError, or the system's error (ENOENT, …) */
  static open(path: string): SafetensorsFile {
    const file = PositionalFile.open(path);
    if (file === undefined) throw new SafetensorsFormatError(path, "not-a-file", "is not a regular file.");
    try {
      const prefix = readExactly(file, 0, Math.min(9, file.size));
      const header = readExactly(file, 8, headerLength(path, prefix, file.size));
      const { tensors, metadata } = parseHeader(path, header, file.size);
      return new SafetensorsFile(path, file, tensors, metadata);
    } catch (error) {
      file.close();
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
  read(name: string, range?: ByteRange): Uint8Array {
    const { byteOffset, byteLength } = this.entry(name);
    const { start, length } = rangeWithin(name, byteLength, range);
    return readExactly(this.file, byteOffset + start, length);
  }

  /**
   * Where a tensor's bytes are, for those who read them by themselves (`Backend.readFile`); valid until the file is closed.
   * @throws MissingTensorError, DisposedError
   */
  locate(name: string): { readonly descriptor: number; readonly position: number } {
    return { descriptor: this.file.descriptor, position: this.entry(name).byteOffset };
  }

  close(): void {
    this.file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function readExactly(file: PositionalFile, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const count = file.readInto(bytes, position);
  if (count < length) throw new SafetensorsFormatError(file.path, "truncated", `ends at byte ${position + count}.`);
  return bytes;
}
