import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { crc32 } from "node:zlib";
import { type Entry, openPromise, type ZipFile } from "yauzl";
import { DamagedArchiveError, HostileArchiveError, HubError } from "@elastic-attention/core";
import { type ArchiveLimits, checkEntries, defaultLimits } from "./archive-limits.js";
import { checkFreeSpace, orDiskFull } from "../cache/free-space.js";
import { orMissing } from "../cache/or-missing.js";

/** How an archive is unpacked. */
export interface UnpackOptions {
  /** What an archive may hold. Default {@link defaultLimits}. */
  readonly limits?: Partial<ArchiveLimits>;
  readonly signal?: AbortSignal;
  /** Bytes that were written, and all of them. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Folders that a killed process left are removed after a day, in milliseconds. */
const abandonedAfter = 24 * 3600 * 1000;

/**
 * Unpacks a zip archive into the folder `into`, whole or not at all: into another folder first, which is then moved. Where
 * `into` is there already, nothing is done. Several processes may do the same at once.
 *
 * @returns `into`
 * @throws HostileArchiveError for paths that leave the folder, links, and contents beyond the limits: before anything is
 *   written, from the archive's directory, and again from the bytes themselves
 * @throws DamagedArchiveError for archives that are cut short or not zip; DiskFullError; the signal's reason
 */
export async function unpackArchive(archive: string, into: string, options: UnpackOptions = {}): Promise<string> {
  if ((await orMissing(stat(into))) !== undefined) return into;
  const { signal } = options;
  await mkdir(dirname(into), { recursive: true });
  await removeAbandoned(into);
  const temporary = await mkdtemp(`${into}.`);
  try {
    await extract(archive, temporary, options);
    await rename(temporary, into).catch((error: NodeJS.ErrnoException) => {
      // Another process was first.
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
    return into;
  } catch (error) {
    signal?.throwIfAborted();
    if (HubError.isInstance(error)) throw error;
    const { code, syscall, message } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" || code === "ENOTDIR" || code === "EISDIR") throw new HostileArchiveError(archive, "two entries have one path");
    // What is not the system's is the archive's: yauzl and zlib name what is wrong with it.
    if (syscall !== undefined) throw error;
    throw new DamagedArchiveError(archive, message, error);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function extract(archive: string, folder: string, { limits, signal, onProgress }: UnpackOptions): Promise<void> {
  const { size } = await stat(archive);
  const zip = await openPromise(archive, { autoClose: false });
  try {
    const entries: Entry[] = [];
    const allowed = { ...defaultLimits, ...limits };
    for await (const entry of zip.eachEntry()) {
      entries.push(entry);
      if (entries.length > allowed.entries) throw new HostileArchiveError(archive, `it has more than ${allowed.entries} entries`);
    }
    const total = checkEntries(archive, size, entries, allowed);
    await checkFreeSpace(folder, total);
    await orDiskFull(folder, total, async () => {
      let done = 0;
      for (const entry of entries) {
        signal?.throwIfAborted();
        const path = join(folder, entry.fileName);
        if (entry.fileName.endsWith("/")) await mkdir(path, { recursive: true });
        else await writeEntry(zip, entry, path, archive, signal, (bytes) => onProgress?.((done += bytes), total));
      }
    });
  } catch (error) {
    // yauzl checks names itself, and says so in words.
    if (error instanceof Error && /^(absolute path|invalid relative path|invalid characters in fileName)/.test(error.message)) {
      throw new HostileArchiveError(archive, `an entry leaves its folder (${error.message})`);
    }
    throw error;
  } finally {
    zip.close();
  }
}

/** The stream ends with an error where it gives other than `uncompressedSize` bytes. */
async function writeEntry(
  zip: ZipFile,
  entry: Entry,
  path: string,
  archive: string,
  signal: AbortSignal | undefined,
  onBytes: (bytes: number) => void,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  let checksum = 0;
  await pipeline(
    await zip.openReadStreamPromise(entry),
    async function* (source: AsyncIterable<Buffer>) {
      for await (const chunk of source) {
        checksum = crc32(chunk, checksum);
        onBytes(chunk.length);
        yield chunk;
      }
    },
    createWriteStream(path, { flags: "wx" }),
    signal === undefined ? {} : { signal },
  );
  if (checksum !== entry.crc32) throw new DamagedArchiveError(archive, `${entry.fileName} has another checksum than the archive says`);
}

async function removeAbandoned(into: string): Promise<void> {
  for (const name of await readdir(dirname(into))) {
    if (!name.startsWith(`${basename(into)}.`)) continue;
    const path = join(dirname(into), name);
    const left = await orMissing(stat(path));
    if (left !== undefined && Date.now() - left.mtimeMs > abandonedAfter) await rm(path, { recursive: true, force: true });
  }
}
