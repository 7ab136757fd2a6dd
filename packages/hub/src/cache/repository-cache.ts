import { copyFile, mkdir, readdir, readFile, realpath, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import { basename, dirname, join, relative, sep } from "node:path";
import { getRepoFolderName } from "@huggingface/hub";
import { ChecksumError } from "@elastic-attention/core";
import { type ContentHash, contentHash, hashFile, hashText } from "./content-hash.js";
import { orMissing } from "./or-missing.js";
import { commitPattern, isInside, type Repository } from "../connection/repository.js";

/** A file of a repository, wherever it is. */
export interface RepositoryFile {
  /** Path in the repository. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
}

/** A file of a repository on this disk. */
export interface CachedFile {
  /** Path in the repository. */
  readonly path: string;
  /** Where it can be read: in the snapshot's folder, under its own name. */
  readonly location: string;
  /** Bytes. */
  readonly size: number;
  readonly hash: ContentHash;
}

/**
 * One repository in the cache, as the hub's libraries lay it out: contents in `blobs` by their hash, `snapshots/COMMIT` with a
 * link for each file, `refs/REVISION` with the commit that a branch or tag was at. Beside these, `unpacked` and `listings` are
 * ours; a listing has what the hub lists of a commit, so that a snapshot is known to be complete without asking.
 */
export class RepositoryCache {
  readonly folder: string;

  constructor(cacheFolder: string, repository: Repository) {
    this.folder = join(cacheFolder, getRepoFolderName({ type: repository.type, name: repository.name }));
  }

  blob({ hex }: ContentHash): string {
    return join(this.folder, "blobs", hex);
  }

  snapshot(commit: string): string {
    return join(this.folder, "snapshots", commit);
  }

  /** Where an archive of this content is unpacked. */
  unpacked({ hex }: ContentHash): string {
    return join(this.folder, "unpacked", hex);
  }

  /** The commit that a branch or tag was at when it was last asked for. */
  async readRevision(revision: string): Promise<string | undefined> {
    const text = await orMissing(readFile(join(this.folder, "refs", revision), "utf8"));
    return text !== undefined && commitPattern.test(text.trim()) ? text.trim() : undefined;
  }

  async writeRevision(revision: string, commit: string): Promise<void> {
    await replace(join(this.folder, "refs", revision), (path) => writeFile(path, commit));
  }

  /** Every file of a commit as the hub listed it; undefined where it was never asked. */
  async readListing(commit: string): Promise<readonly RepositoryFile[] | undefined> {
    const text = await orMissing(readFile(this.listing(commit), "utf8"));
    if (text === undefined) return undefined;
    try {
      const files = JSON.parse(text) as unknown;
      return Array.isArray(files) && files.every(isRepositoryFile) ? files : undefined;
    } catch {
      return undefined;
    }
  }

  async writeListing(commit: string, files: readonly RepositoryFile[]): Promise<void> {
    const text = JSON.stringify(files.map(({ path, size }) => ({ path, size })));
    await replace(this.listing(commit), (path) => writeFile(path, text));
  }

  /** Where the listing of a commit is. */
  listing(commit: string): string {
    return join(this.folder, "listings", `${commit}.json`);
  }

  /** Commits that have a snapshot. */
  async commits(): Promise<string[]> {
    return ((await orMissing(readdir(join(this.folder, "snapshots")))) ?? []).filter((name) => commitPattern.test(name));
  }

  /** Branches and tags by name, with the commit that each was at. */
  async revisions(): Promise<Map<string, string>> {
    const folder = join(this.folder, "refs");
    const revisions = new Map<string, string>();
    for (const entry of (await orMissing(readdir(folder, { recursive: true, withFileTypes: true }))) ?? []) {
      if (entry.isDirectory()) continue;
      const name = relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/");
      const commit = await this.readRevision(name);
      if (commit !== undefined) revisions.set(name, commit);
    }
    return revisions;
  }

  /** The files of a snapshot that are there, those of links that lead nowhere left out. */
  async snapshotFiles(commit: string): Promise<RepositoryFile[]> {
    const folder = this.snapshot(commit);
    const files: RepositoryFile[] = [];
    for (const entry of (await orMissing(readdir(folder, { recursive: true, withFileTypes: true }))) ?? []) {
      if (entry.isDirectory()) continue;
      const location = join(entry.parentPath, entry.name);
      const found = await orMissing(stat(location));
      if (found?.isFile()) files.push({ path: relative(folder, location).split(sep).join("/"), size: found.size });
    }
    return files.toSorted((left, right) => (left.path < right.path ? -1 : 1));
  }

  /** Whether the content is there in its whole size, and with `readIt` whether it still has its hash. */
  async hasBlob(hash: ContentHash, size: number, readIt: boolean, signal?: AbortSignal): Promise<boolean> {
    const found = await orMissing(stat(this.blob(hash)));
    if (found?.size !== size) return false;
    return !readIt || (await hashFile(this.blob(hash), hash.kind, size, signal)).hex === hash.hex;
  }

  /** Bytes of these contents that an earlier try has left. */
  async partialBytes(hashes: readonly ContentHash[]): Promise<number> {
    let bytes = 0;
    for (const name of (await orMissing(readdir(join(this.folder, "blobs")))) ?? []) {
      if (!name.endsWith(".incomplete") || !hashes.some(({ hex }) => name.startsWith(`${hex}.`))) continue;
      bytes += (await orMissing(stat(join(this.folder, "blobs", name))))?.size ?? 0;
    }
    return bytes;
  }

  /** Shows a content under its name: by a link, or a copy where the system makes none. Returns the place. */
  async link(commit: string, path: string, hash: ContentHash): Promise<string> {
    const location = join(this.snapshot(commit), path);
    await replace(location, async (temporary) => {
      try {
        await symlink(relative(dirname(location), this.blob(hash)), temporary);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EPERM") throw error;
        await copyFile(this.blob(hash), temporary);
      }
    });
    return location;
  }

  /**
   * The file of a snapshot, or undefined where it is not there.
   *
   * @param readIt read it and compare it with its hash
   * @throws ChecksumError for a content that has changed
   */
  async find(commit: string, path: string, readIt: boolean, signal?: AbortSignal): Promise<CachedFile | undefined> {
    const location = join(this.snapshot(commit), path);
    const target = await orMissing(realpath(location));
    if (target === undefined) return undefined;
    const { size } = await stat(target);
    const name = basename(target);
    // A copy does not carry its hash in its name.
    if (basename(dirname(target)) !== "blobs") return { path, location, size, hash: await hashFile(target, "sha256", size, signal) };
    const hash = contentHash(name);
    if (readIt) {
      const found = await hashFile(target, hash.kind, size, signal);
      if (found.hex !== hash.hex) throw new ChecksumError(target, hashText(hash), hashText(found));
    }
    return { path, location, size, hash };
  }
}

function isRepositoryFile(value: unknown): value is RepositoryFile {
  const { path, size } = (value ?? {}) as Partial<RepositoryFile>;
  return typeof path === "string" && isInside(path) && Number.isSafeInteger(size);
}

/** Makes a file under another name and moves it: whoever looks sees the old one or the new one. */
async function replace(path: string, make: (temporary: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}.new`;
  try {
    await make(temporary);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}
