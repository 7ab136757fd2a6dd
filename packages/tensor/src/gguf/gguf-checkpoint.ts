import { existsSync } from "node:fs";
import { basename } from "node:path";
import { CheckpointLayoutError, GgufFormatError, MissingTensorError } from "@elastic-attention/core";
import type { Checkpoint } from "../checkpoint.js";
import { type ByteRange, FileBeginning } from "../positional-file.js";
import { GgufFile } from "./gguf-file.js";
import type { GgufTensorEntry } from "./header.js";
import type { GgufMetadata } from "./metadata.js";
import { checkParts, partPaths } from "./split-files.js";

/** The tensors and the metadata of a GGUF model, in one file or in parts. */
export class GgufCheckpoint implements Checkpoint {
  private constructor(
    readonly path: string,
    private readonly files: readonly GgufFile[],
    private readonly owners: ReadonlyMap<string, GgufFile>,
  ) {}

  /**
   * Opens a file, or all parts of a model where the path is one of them.
   * @throws CheckpointLayoutError, GgufFormatError, GgufMetadataError
   */
  static open(path: string): GgufCheckpoint {
    if (!existsSync(path)) throw new CheckpointLayoutError(`${path} does not exist.`, "Name a .gguf file.");
    const files: GgufFile[] = [];
    const owners = new Map<string, GgufFile>();
    try {
      for (const part of partPaths(path)) {
        const file = GgufFile.open(part);
        files.push(file);
        for (const name of file.tensors.keys()) {
          const other = owners.get(name);
          if (other !== undefined) {
            throw new CheckpointLayoutError(`Tensor "${name}" is both in ${basename(other.path)} and in ${basename(part)}.`);
          }
          owners.set(name, file);
        }
      }
      checkParts(files);
      return new GgufCheckpoint(path, files, owners);
    } catch (error) {
      for (const file of files) file.close();
      throw error;
    }
  }

  /**
   * What the beginning of a file says of it, or of the first part of a model; values of its tensors can be read no further
   * than the bytes go. Undefined where the header goes on behind them.
   * @throws GgufFormatError
   */
  static ofBeginning(path: string, fileBytes: number, bytes: Uint8Array): GgufCheckpoint | undefined {
    try {
      const file = GgufFile.of(new FileBeginning(path, fileBytes, bytes));
      return new GgufCheckpoint(path, [file], new Map([...file.tensors.keys()].map((name) => [name, file])));
    } catch (error) {
      if (GgufFormatError.isInstance(error) && error.problem === "truncated" && bytes.length < fileBytes) return undefined;
      throw error;
    }
  }

  /** Of the first part, which has the keys of all. */
  get metadata(): GgufMetadata {
    return this.files[0]!.metadata;
  }

  get names(): IterableIterator<string> {
    return this.owners.keys();
  }

  get byteLength(): number {
    let bytes = 0;
    for (const [name, file] of this.owners) bytes += file.entry(name).byteLength;
    return bytes;
  }

  has(name: string): boolean {
    return this.owners.has(name);
  }

  /** @throws MissingTensorError */
  entry(name: string): GgufTensorEntry {
    return this.#owner(name).entry(name);
  }

  /** See {@link GgufFile.read}. @throws MissingTensorError */
  read(name: string, range?: ByteRange): Uint8Array {
    return this.#owner(name).read(name, range);
  }

  /** See {@link GgufFile.locate}. @throws MissingTensorError */
  locate(name: string): { readonly descriptor: number; readonly position: number } {
    return this.#owner(name).locate(name);
  }

  close(): void {
    for (const file of this.files) file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #owner(name: string): GgufFile {
    const file = this.owners.get(name);
    if (file === undefined) throw new MissingTensorError(name, this.path);
    return file;
  }
}
