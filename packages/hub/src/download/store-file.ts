import type { CachedFile, RepositoryCache } from "../cache/repository-cache.js";
import type { HubConnection, ListedFile } from "../connection/hub-connection.js";
import { type Repository, repositoryText } from "../connection/repository.js";
import { downloadBlob } from "./download-blob.js";

/** A file that the hub lists, and the cache that it is to be in. */
export interface StoreRequest {
  readonly hub: HubConnection;
  readonly cache: RepositoryCache;
  readonly repository: Repository;
  readonly commit: string;
  readonly file: ListedFile;
  /** Whether a content of the cache is believed by its size or read and compared. */
  readonly verify?: "size" | "hash";
  readonly signal?: AbortSignal;
  /** While it is fetched; not called for what the cache has. */
  readonly onProgress?: (bytes: number) => void;
}

/** Brings a file into the cache, unless its content is there. @throws ChecksumError, DiskFullError, HubError */
export async function storeFile({ hub, cache, repository, commit, file, verify, signal, onProgress }: StoreRequest): Promise<CachedFile> {
  const { path, size, hash } = file;
  if (!(await cache.hasBlob(hash, size, verify === "hash", signal))) {
    await downloadBlob({
      name: `${path} of ${repositoryText(repository)}`,
      target: cache.blob(hash),
      size,
      hash,
      read: (start) => hub.read(commit, file, start),
      ...(signal === undefined ? {} : { signal }),
      ...(onProgress === undefined ? {} : { onProgress }),
    });
  }
  return { path, location: await cache.link(commit, path, hash), size, hash };
}
