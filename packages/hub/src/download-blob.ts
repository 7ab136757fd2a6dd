import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { ChecksumError, HubResponseError, HubUnreachableError } from "@elastic-attention/core";
import { type ContentHash, hashText, startHash } from "./content-hash.js";
import { checkFreeSpace, orDiskFull } from "./free-space.js";
import { orMissing } from "./or-missing.js";

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
/** A part that nobody has written to for so long was left by a process that was killed, in milliseconds. */
const abandonedAfter = 60_000;

/**
 * Brings a content onto the disk, whole or not at all: it is written under another name, compared with its size and hash, and
 * moved. What an earlier try has left is gone on with. Several processes may do the same at once.
 *
 * @throws ChecksumError, DiskFullError, HubError; the signal's reason
 */
export async function downloadBlob(download: BlobDownload): Promise<void> {
  const { target, size, signal } = download;
  const folder = dirname(target);
  await mkdir(folder, { recursive: true });
  const part = await claimPart(target);
  try {
    await checkFreeSpace(folder, size - ((await orMissing(stat(part)))?.size ?? 0));
    await orDiskFull(folder, size, () => fillWithRetries(part, download));
    await rename(part, target);
  } catch (error) {
    // Kept for the next try under a name that says that nobody is writing.
    if (ChecksumError.isInstance(error)) await rm(part, { force: true });
    else await orMissing(rename(part, `${target}.incomplete`));
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

/** A broken connection, a hub that is busy. */
function mayPass(error: unknown): boolean {
  if (HubUnreachableError.isInstance(error)) return true;
  return HubResponseError.isInstance(error) && (error.status === undefined || error.status === 429 || error.status >= 500);
}

/**
 * Path of a part that this process alone writes to. A part that was left is taken over by renaming it, which succeeds for
 * one process only. Should its owner be alive after all and write on, the hash will not match and everything starts anew.
 */
async function claimPart(target: string): Promise<string> {
  const folder = dirname(target);
  const own = `${target}.${randomUUID()}.incomplete`;
  let claimed = false;
  for (const name of await readdir(folder)) {
    if (!(name.startsWith(`${basename(target)}.`) && name.endsWith(".incomplete"))) continue;
    const path = join(folder, name);
    const left = await orMissing(stat(path));
    if (left === undefined) continue;
    const released = name === `${basename(target)}.incomplete`;
    if (!released && Date.now() - left.mtimeMs < abandonedAfter) continue;
    if (claimed) await rm(path, { force: true });
    else claimed = (await orMissing(rename(path, own).then(() => true))) ?? false;
  }
  return own;
}
