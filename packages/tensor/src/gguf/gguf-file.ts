import { GgufFormatError, MissingTensorError } from "@elastic-attention/core";
import { type ByteRange, type ByteSource, PositionalFile, rangeWithin } from "../positional-file.js";
import { type GgufTensorEntry, readHeader } from "./header.js";
import { GgufMetadata } from "./metadata.js";

/** One open GGUF file; tensors and long values of the metadata are read when asked for, at any offset, also beyond 2 GiB. */
export class GgufFile implements Disposable {
  private constructor(
    readonly path: string,
    private readonly file: ByteSource,
    readonly version: number,
    readonly tensors: ReadonlyMap<string, GgufTensorEntry>,
    readonly metadata: GgufMetadata,
  ) {}

  /** Opens a file and checks its header completely. @throws GgufFormatError, or the system's error (ENOENT, …) */
  static open(path: string): GgufFile {
    const file = PositionalFile.open(path);
    if (file === undefined) throw new GgufFormatError(path, "not-a-file", "is not a regular file.");
    try {
      return GgufFile.of(file);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** Reads the header of a file, or of its beginning; the file becomes the reader's. @throws GgufFormatError */
  static of(file: ByteSource): GgufFile {
    const { version, tensors, metadata, places } = readHeader(file);
    return new GgufFile(file.path, file, version, tensors, new GgufMetadata(file, metadata, places));
  }

  /** A tensor's place, type and shape. @throws MissingTensorError */
  entry(name: string): GgufTensorEntry {
    const entry = this.tensors.get(name);
    if (entry === undefined) throw new MissingTensorError(name, this.path);
    return entry;
  }

  /**
   * The bytes of a tensor as they are in the file, aligned for any typed array, or of a range within it (an `end` beyond it
   * is its end).
   * @throws MissingTensorError, ShapeError for a range that begins before the tensor or is no range, DisposedError
   */
  read(name: string, range?: ByteRange): Uint8Array {
    const { byteOffset, byteLength } = this.entry(name);
    const { start, length } = rangeWithin(name, byteLength, range);
    const bytes = new Uint8Array(length);
    const count = this.file.readInto(bytes, byteOffset + start);
    if (count < length) throw new GgufFormatError(this.path, "truncated", `ends at byte ${byteOffset + start + count}.`);
    return bytes;
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
