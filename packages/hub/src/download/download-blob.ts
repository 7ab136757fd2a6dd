import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout } from "node:timers/promises";
import { ChecksumError, HubResponseError, HubUnreachableError } from "@elastic-attention/core";
import { type ContentHash, hashText, startHash } from "../cache/content-hash.js";
import { checkFreeSpace, orDiskFull } from "../cache/free-space.js";
import { orMissing } from "../cache/or-missing.js";
import { claimPart } from "./part-file.js";

/** One content to be brought onto the disk. */
export interface BlobDownload {
  /** Name of the content, for errors. */
  readonly name: string;
  /** Where the whole content is to be. */
  readonly target: string;
  readonly size: number;
  readonly hash: ContentHash;
  /** The bytes from `start` on. */
  readonly read: (start: number) => AsyncIterable<Uint8Array>;
  /** Bytes that are there, those of an earlier try included. */
  readonly onProgress?: (bytes: number) => void;
  readonly signal?: AbortSignal;
}

const attempts = 4;
/** Before the second attempt, in milliseconds; longer before each further one. */
const pause = 400;

/**
 * Brings a content onto the disk, whole or not at all: it is written under another name, compared with its size and hash, and
 * moved. What an earlier try has left is resumed; while another process fetches the same content, this one waits for it.
 *
 * @throws ChecksumError, DiskFullError, HubError; the signal's reason
 */
export async function downloadBlob(download: BlobDownload): Promise<void> {
  const { target, size, signal } = download;
  const folder = dirname(target);
  await mkdir(folder, { recursive: true });
  await using part = await orDiskFull(folder, size, () => claimPart(download));
  // Another process has fetched it meanwhile.
  if (part === undefined) return;
  try {
    await checkFreeSpace(folder, size - ((await orMissing(stat(part.path)))?.size ?? 0));
    await orDiskFull(folder, size, () => fillWithRetries(part.path, download));
    await rename(part.path, target);
  } catch (error) {
    if (ChecksumError.isInstance(error)) await rm(part.path, { force: true });
    signal?.throwIfAborted();
    throw error;
  }
}

async function fillWithRetries(part: string, download: BlobDownload): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const resumed = ((await orMissing(stat(part)))?.size ?? 0) > 0;
    try {
      return await fill(part, download);
    } catch (error) {
      download.signal?.throwIfAborted();
      // The bytes of an earlier try may be the wrong ones.
      const wrongStart = ChecksumError.isInstance(error) && resumed;
      if (attempt === attempts || !(wrongStart || mayPass(error))) throw error;
      if (wrongStart) await rm(part, { force: true });
      else await setTimeout(pause * attempt, undefined, download.signal === undefined ? {} : { signal: download.signal });
    }
  }
}

/** Writes what is missing, and compares the whole. */
async function fill(part: string, { name, size, hash, read, onProgress, signal }: BlobDownload): Promise<void> {
  await using file = await openPart(part);
  const state = startHash(hash.kind, size);
  let bytes = 0;
  for await (const chunk of file.handle.createReadStream({ start: 0, autoClose: false, highWaterMark: 1 << 20 })) {
    signal?.throwIfAborted();
    state.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
  }
  onProgress?.(bytes);
  if (bytes < size) {
    for await (const chunk of read(bytes)) {
      signal?.throwIfAborted();
      bytes += chunk.length;
      if (bytes > size) break;
      state.update(chunk);
      await file.handle.appendFile(chunk);
      onProgress?.(bytes);
    }
    if (bytes < size) throw new HubResponseError(`${name} ended after ${bytes} of ${size} bytes.`);
  }
  if (bytes > size) throw new ChecksumError(name, `${size} bytes`, "more");
  const found = { kind: hash.kind, hex: state.digest("hex") };
  if (found.hex !== hash.hex) throw new ChecksumError(name, hashText(hash), hashText(found));
  await file.handle.datasync();
}

async function openPart(path: string) {
  const handle = await open(path, "a+");
  return { handle, [Symbol.asyncDispose]: () => handle.close() };
}

/** A broken connection, an answer that ended early. The connection itself asks a busy hub again. */
function mayPass(error: unknown): boolean {
  return HubUnreachableError.isInstance(error) || (HubResponseError.isInstance(error) && error.status === undefined);
}
