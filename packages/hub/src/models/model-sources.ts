import { mkdir } from "node:fs/promises";
import { HubOfflineError } from "@elastic-attention/core";
import { checkFreeSpace } from "../cache/free-space.js";
import type { RepositoryCache, RepositoryFile } from "../cache/repository-cache.js";
import type { HubConnection, ListedFile } from "../connection/hub-connection.js";
import type { HubSettings } from "../connection/hub-settings.js";
import { type Repository, repositoryText } from "../connection/repository.js";
import { storeFile } from "../download/store-file.js";
import type { FileHead, FileSource } from "./assemble-model.js";
import { type ModelProgress, Transfer } from "./transfer.js";

/** A commit, and what is done while its files are brought together. */
export interface SourceRequest {
  readonly repository: Repository;
  readonly commit: string;
  readonly cache: RepositoryCache;
  readonly settings: HubSettings;
  readonly verify?: "size" | "hash";
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ModelProgress) => void;
}

/** The files of a commit in the cache alone: as the hub listed them once, else those that are there. */
export async function cachedSource({ repository, commit, cache, settings, verify, signal }: SourceRequest): Promise<FileSource> {
  const files = (await cache.readListing(commit)) ?? (await cache.snapshotFiles(commit));
  return {
    files,
    folder: cache.snapshot(commit),
    head: () => Promise.resolve(undefined),
    async obtain(paths) {
      for (const path of paths) {
        const found = await cache.find(commit, path, verify === "hash", signal);
        if (found?.size !== files.find((file) => file.path === path)?.size) {
          throw new HubOfflineError(`${path} of ${repositoryText(repository)} at ${commit}`, settings.cacheFolder);
        }
      }
    },
  };
}

/** The files of a commit from the hub, into the cache; `fetchedBytes` counts what had to be transferred. */
export class HubSource implements FileSource {
  fetchedBytes = 0;
  #transfer: Transfer | undefined;

  /** @param files what the hub lists */
  constructor(
    private readonly request: SourceRequest,
    private readonly hub: HubConnection,
    readonly files: readonly ListedFile[],
  ) {}

  get folder(): string {
    return this.request.cache.snapshot(this.request.commit);
  }

  /** For the connection: shown with the progress. */
  readonly waiting: (wait: NonNullable<ModelProgress["wait"]>) => void = (wait) => this.#transfer?.waiting(wait);

  async head(path: string): Promise<FileHead | undefined> {
    const file = this.files.find((each) => each.path === path)!;
    const { cache, commit, signal } = this.request;
    if (await cache.hasBlob(file.hash, file.size, false, signal)) return undefined;
    return { fileBytes: file.size, read: (bytes) => this.hub.readHead(commit, file, bytes) };
  }

  async obtain(paths: readonly string[], withRoom: boolean): Promise<void> {
    const { cache, commit, repository, verify, signal, onProgress } = this.request;
    const common = { hub: this.hub, cache, repository, commit, ...(verify === undefined ? {} : { verify }), ...(signal === undefined ? {} : { signal }) };
    const files = paths.map((path) => this.files.find((file) => file.path === path)!);
    const missing: ListedFile[] = [];
    for (const file of files) {
      if (await cache.hasBlob(file.hash, file.size, verify === "hash", signal)) await cache.link(commit, file.path, file.hash);
      else missing.push(file);
    }
    const total = bytesOf(missing);
    await mkdir(this.folder, { recursive: true });
    if (withRoom) await checkFreeSpace(cache.folder, total - (await cache.partialBytes(missing.map(({ hash }) => hash))));
    const transfer = (this.#transfer = new Transfer(missing.length, total, onProgress ?? (() => {})));
    for (const file of missing) {
      transfer.start(file.path);
      await storeFile({ ...common, file, onProgress: (bytes) => transfer.update(bytes) });
      transfer.finish(file.size);
      this.fetchedBytes += file.size;
    }
  }
}

function bytesOf(files: readonly RepositoryFile[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}
