import { existsSync, lstatSync, readFileSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, sep } from "node:path";
import { CheckpointLayoutError, MissingTensorError } from "@elastic-attention/core";
import type { Checkpoint } from "../checkpoint.js";
import type { ByteRange } from "../positional-file.js";
import { findDuplicateKey } from "./duplicate-key.js";
import type { TensorEntry } from "./header.js";
import { SafetensorsFile } from "./safetensors-file.js";

/** The tensors of a model, in one file or many, under one roof. */
export class SafetensorsCheckpoint implements Checkpoint {
  private constructor(
    readonly path: string,
    private readonly files: readonly SafetensorsFile[],
    private readonly owners: ReadonlyMap<string, SafetensorsFile>,
  ) {}

  /**
   * Opens a folder with `model.safetensors` or `model.safetensors.index.json`, or one safetensors file.
   * @throws CheckpointLayoutError, SafetensorsFormatError
   */
  static open(path: string): SafetensorsCheckpoint {
    if (!existsSync(path)) throw new CheckpointLayoutError(`${path} does not exist.`, "Name a model folder or a .safetensors file.");
    if (!statSync(path).isDirectory()) return SafetensorsCheckpoint.#ofFiles(path, [path]);
    const [single, index] = [join(path, singleFile), join(path, "model.safetensors.index.json")];
    const shards = existsSync(index) ? readWeightMap(index) : undefined;
    // Beside a single file that it does not name, an index is of an older save.
    if (shards !== undefined && (Object.values(shards).includes(singleFile) || !existsSync(single))) return SafetensorsCheckpoint.#ofIndex(path, index, shards);
    if (!existsSync(single)) {
      throw new CheckpointLayoutError(
        `${path} holds neither model.safetensors nor model.safetensors.index.json.`,
        "Name a folder that holds one of them, a .safetensors or a .gguf file, or owner/name of a model on the Hugging Face hub.",
      );
    }
    return SafetensorsCheckpoint.#ofFiles(path, [single]);
  }

  get names(): IterableIterator<string> {
    return this.owners.keys();
  }

  /** Bytes of all tensors. */
  get byteLength(): number {
    let bytes = 0;
    for (const file of this.files) for (const entry of file.tensors.values()) bytes += entry.byteLength;
    return bytes;
  }

  has(name: string): boolean {
    return this.owners.has(name);
  }

  /** @throws MissingTensorError */
  entry(name: string): TensorEntry {
    return this.#owner(name).entry(name);
  }

  /** See {@link SafetensorsFile.read}. @throws MissingTensorError */
  read(name: string, range?: ByteRange): Uint8Array {
    return this.#owner(name).read(name, range);
  }

  /** See {@link SafetensorsFile.locate}. @throws MissingTensorError */
  locate(name: string): { readonly descriptor: number; readonly position: number } {
    return this.#owner(name).locate(name);
  }

  close(): void {
    for (const file of this.files) file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #owner(name: string): SafetensorsFile {
    const file = this.owners.get(name);
    if (file === undefined) throw new MissingTensorError(name, this.path);
    return file;
  }

  static #ofIndex(folder: string, indexPath: string, weightMap: Readonly<Record<string, string>>): SafetensorsCheckpoint {
    const shards = [...new Set(Object.values(weightMap))].map((name) => shardPath(folder, indexPath, name));
    const checkpoint = SafetensorsCheckpoint.#ofFiles(folder, shards);
    for (const [tensor, shard] of Object.entries(weightMap)) {
      const owner = checkpoint.owners.get(tensor);
      if (owner === undefined || basename(owner.path) !== shard) {
        checkpoint.close();
        throw new CheckpointLayoutError(
          owner === undefined
            ? `${indexPath} places "${tensor}" in ${shard}, which does not hold it.`
            : `${indexPath} places "${tensor}" in ${shard}, but it is in ${basename(owner.path)}.`,
        );
      }
    }
    return checkpoint;
  }

  static #ofFiles(path: string, paths: readonly string[]): SafetensorsCheckpoint {
    const files: SafetensorsFile[] = [];
    const owners = new Map<string, SafetensorsFile>();
    try {
      for (const filePath of paths) {
        const file = SafetensorsFile.open(filePath);
        files.push(file);
        for (const name of file.tensors.keys()) {
          const other = owners.get(name);
          if (other !== undefined) {
            throw new CheckpointLayoutError(`Tensor "${name}" is both in ${basename(other.path)} and in ${basename(filePath)}.`);
          }
          owners.set(name, file);
        }
      }
      return new SafetensorsCheckpoint(path, files, owners);
    } catch (error) {
      for (const file of files) file.close();
      throw error;
    }
  }
}

const singleFile = "model.safetensors";

/** Ten times what the largest published checkpoints need. */
const maxIndexBytes = 32 << 20;

function readWeightMap(indexPath: string): Record<string, string> {
  const status = statSync(indexPath);
  if (!status.isFile() || status.size > maxIndexBytes) {
    throw new CheckpointLayoutError(`${indexPath} is not a file of at most ${maxIndexBytes} bytes.`);
  }
  const text = readFileSync(indexPath, "utf8");
  let index: unknown;
  try {
    index = JSON.parse(text);
  } catch (error) {
    throw new CheckpointLayoutError(`${indexPath} is not JSON: ${(error as Error).message}.`);
  }
  const duplicate = findDuplicateKey(text);
  if (duplicate !== undefined) throw new CheckpointLayoutError(`${indexPath} places ${JSON.stringify(duplicate)} twice.`);
  const map = (index as { weight_map?: unknown } | null)?.weight_map;
  const valid = typeof map === "object" && map !== null && !Array.isArray(map) && Object.values(map).every((name) => typeof name === "string");
  if (!valid) throw new CheckpointLayoutError(`${indexPath} has no weight_map of tensor names to file names.`);
  return map as Record<string, string>;
}

/** A shard must be a plain file name of the checkpoint's folder that stays there when links are followed. */
function shardPath(folder: string, indexPath: string, name: string): string {
  if (name !== basename(name) || name === "" || name === "." || name === ".." || name.includes("\\") || name.includes("\0")) {
    throw new CheckpointLayoutError(`${indexPath} names the shard ${JSON.stringify(name)}, which is not a plain file name.`);
  }
  const path = join(folder, name);
  if (!existsSync(path)) {
    const link = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
    if (!link) throw new CheckpointLayoutError(`${indexPath} names the shard ${name}, which is missing.`);
    throw new CheckpointLayoutError(`${indexPath} names the shard ${name}, a link to ${readlinkSync(path)}, which is missing.`, "Put the file back where the link leads, or fetch the model again.");
  }
  // Download caches and folders made from them link to the caches' blobs; a link to any other place must not pass.
  const real = realpathSync(path);
  const root = realpathSync(folder);
  const blobs = join(dirname(dirname(root)), "blobs");
  if (!isInside(root, real) && !(existsSync(blobs) && isInside(realpathSync(blobs), real)) && !isHubBlob(real)) {
    throw new CheckpointLayoutError(
      `${indexPath} names the shard ${name}, a link to a place outside the checkpoint: ${real}.`,
      "A link may lead to the blobs of a Hugging Face cache; replace any other by a copy of the file, if you trust where it leads.",
    );
  }
  return path;
}

/** Whether a file is a content in a hub's cache: models--OWNER--NAME/blobs/HASH. */
function isHubBlob(path: string): boolean {
  const blobs = dirname(path);
  return basename(blobs) === "blobs" && /^models--[^-]/.test(basename(dirname(blobs)));
}

function isInside(folder: string, path: string): boolean {
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
