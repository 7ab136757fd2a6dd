import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { FileWriteError, writeFileWhole, writeLargeFile } from "@elastic-attention/core";
import { safetensorsPieces, sourceByteLength, type StreamedTensor } from "@elastic-attention/tensor";
import { contentOf, type FolderFile } from "./folder-files.js";

export interface WritingOptions {
  /** Most bytes of weights in one file of safetensors. Default 5 GB, as transformers writes them. */
  readonly shardBytes?: number;
  /** Told bytes of weights that are written, and of all. */
  readonly onProgress?: (bytes: number, total: number) => void;
  readonly signal?: AbortSignal | undefined;
}

const usualShardBytes = 5e9;

/**
 * Writes a model's folder whole or not at all: it has a temporary name until everything is on the disk.
 * @returns bytes of all files
 * @throws FileWriteError; the signal's reason
 */
export async function writeFolder(out: string, tensors: ReadonlyMap<string, StreamedTensor>, files: readonly FolderFile[], options: WritingOptions & { readonly overwrite: boolean }): Promise<number> {
  const { shardBytes = usualShardBytes, onProgress, signal, overwrite } = options;
  const [temporary, replaced] = [`${out}.${process.pid}.partial`, `${out}.${process.pid}.replaced`];
  const shards = divide(tensors, shardBytes);
  const total = byteLength(tensors);
  const discard = () => rmSync(temporary, { recursive: true, force: true });
  process.once("exit", discard);
  let bytes = 0;
  try {
    step(out, () => mkdirSync(temporary));
    for (const [index, shard] of shards.entries()) {
      const before = bytes;
      const name = shardName(index, shards.length);
      const written = (done: number) => {
        bytes = before + done;
        onProgress?.(Math.min(bytes, total), total);
      };
      await writeLargeFile(join(temporary, name), safetensorsPieces(shard, { format: "pt" }), { signal, onProgress: written });
    }
    const index = { metadata: { total_size: total }, weight_map: Object.fromEntries(shards.flatMap((shard, at) => [...shard.keys()].map((name) => [name, shardName(at, shards.length)]))) };
    const all = shards.length === 1 ? files : [...files, { name: "model.safetensors.index.json", content: `${JSON.stringify(index, undefined, 2)}\n` }];
    for (const file of all) {
      const content = step(file.name, () => contentOf(file));
      writeFileWhole(join(temporary, file.name), [content]);
      bytes += content.byteLength;
    }
    signal?.throwIfAborted();
    if (overwrite) step(out, () => moveAway(out, replaced));
    step(out, () => renameSync(temporary, out));
    rmSync(replaced, { recursive: true, force: true });
    return bytes;
  } catch (error) {
    // The message names the folder that was asked for, not the temporary one.
    throw FileWriteError.isInstance(error) && error.cause !== undefined ? new FileWriteError(out, error.cause) : error;
  } finally {
    discard();
    process.off("exit", discard);
  }
}

/** Tensors in their order, divided where the next one would make a file too large. */
function divide(tensors: ReadonlyMap<string, StreamedTensor>, most: number): readonly ReadonlyMap<string, StreamedTensor>[] {
  const shards: Map<string, StreamedTensor>[] = [new Map()];
  let bytes = 0;
  for (const [name, tensor] of tensors) {
    const size = sourceByteLength(tensor);
    if (bytes > 0 && bytes + size > most) {
      shards.push(new Map());
      bytes = 0;
    }
    shards.at(-1)!.set(name, tensor);
    bytes += size;
  }
  return shards;
}

function byteLength(tensors: ReadonlyMap<string, StreamedTensor>): number {
  return [...tensors.values()].reduce((sum, tensor) => sum + sourceByteLength(tensor), 0);
}

function shardName(index: number, count: number): string {
  const number = (value: number) => String(value).padStart(5, "0");
  return count === 1 ? "model.safetensors" : `model-${number(index + 1)}-of-${number(count)}.safetensors`;
}

function moveAway(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

function step<Result>(path: string, work: () => Result): Result {
  try {
    return work();
  } catch (cause) {
    throw new FileWriteError(path, cause);
  }
}
