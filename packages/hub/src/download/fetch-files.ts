import { mkdir } from "node:fs/promises";
import { ChecksumError, HubOfflineError, HubUnreachableError } from "@elastic-attention/core";
import { HubConnection } from "../connection/hub-connection.js";
import { hubSettings, type HubSettings } from "../connection/hub-settings.js";
import { checkRepository, checkRepositoryPath, checkRevision, commitPattern, type Repository, repositoryText } from "../connection/repository.js";
import { type CachedFile, RepositoryCache } from "../cache/repository-cache.js";
import { storeFile } from "./store-file.js";

/** Files of one repository at one revision. */
export interface FetchRequest {
  readonly repository: Repository;
  /** Paths in the repository. */
  readonly files: readonly string[];
  /** Branch, tag or commit. Default "main". */
  readonly revision?: string;
  /** Instead of the environment's: {@link hubSettings}. */
  readonly settings?: Partial<HubSettings>;
  /**
   * What is believed of files in the cache. "size" (default): they are what they were when they were fetched, whole and
   * verified. "hash": they are read and compared, which takes about a second for each gigabyte.
   */
  readonly verify?: "size" | "hash";
  readonly signal?: AbortSignal;
  /** While files are fetched; not called for what the cache has. */
  readonly onProgress?: (progress: FetchProgress) => void;
}

/** How far the file that is fetched just now has come. */
export interface FetchProgress {
  readonly path: string;
  /** Bytes. */
  readonly done: number;
  /** Bytes. */
  readonly total: number;
}

/** Files of a repository on this disk. */
export interface Snapshot {
  readonly repository: Repository;
  /** As it was asked for. */
  readonly revision: string;
  /** The commit that the revision is at; asking for it gives the same bytes for ever. */
  readonly commit: string;
  /** Folder that holds the files under their own names. */
  readonly folder: string;
  /** In the order they were asked for. */
  readonly files: readonly CachedFile[];
  /** False: the hub could not be asked whether the branch has moved on, and the cache's commit was taken. */
  readonly current: boolean;
}

/**
 * Files of a repository, from the cache or from the hub. A commit that the cache has is not asked for again; a branch or tag
 * is, and where the hub cannot be reached the cache's last state is taken. A file is in the cache whole and verified or not at
 * all, whatever ends the process.
 *
 * @throws HubNotFoundError, HubAccessError, HubUnreachableError, HubResponseError
 * @throws HubOfflineError offline, for what the cache does not have
 * @throws ChecksumError for bytes that are not those the hub lists, DiskFullError
 * @throws HubRequestError for names and paths that cannot be
 */
export async function fetchFiles(request: FetchRequest): Promise<Snapshot> {
  const { repository, files, revision = "main", signal } = request;
  checkRepository(repository);
  checkRevision(revision);
  for (const path of files) checkRepositoryPath(path);
  const settings = hubSettings(request.settings);
  const cache = new RepositoryCache(settings.cacheFolder, repository);
  signal?.throwIfAborted();
  if (settings.offline) {
    const cached = await cachedSnapshot(request, cache);
    if (cached === undefined) throw new HubOfflineError(`${files.join(", ")} of ${repositoryText(repository)} at ${revision}`, settings.cacheFolder);
    return cached;
  }
  if (commitPattern.test(revision)) {
    const cached = await cachedSnapshot(request, cache).catch(orDamaged);
    if (cached !== undefined) return cached;
  }
  try {
    return await freshSnapshot(request, settings, cache);
  } catch (error) {
    if (!(HubUnreachableError.isInstance(error))) throw error;
    const cached = await cachedSnapshot(request, cache);
    if (cached === undefined) throw error;
    return { ...cached, current: false };
  }
}

/** What the cache has, if it has everything. @throws ChecksumError */
async function cachedSnapshot(request: FetchRequest, cache: RepositoryCache): Promise<Snapshot | undefined> {
  const { repository, revision = "main", verify, signal } = request;
  const commit = commitPattern.test(revision) ? revision : await cache.readRevision(revision);
  if (commit === undefined) return undefined;
  const files: CachedFile[] = [];
  for (const path of request.files) {
    const file = await cache.find(commit, path, verify === "hash", signal);
    if (file === undefined) return undefined;
    files.push(file);
  }
  return { repository, revision, commit, folder: cache.snapshot(commit), files, current: true };
}

async function freshSnapshot(request: FetchRequest, settings: HubSettings, cache: RepositoryCache): Promise<Snapshot> {
  const { repository, revision = "main", verify, signal, onProgress } = request;
  const hub = new HubConnection(settings, repository, signal);
  const pinned = commitPattern.test(revision);
  const commit = pinned ? revision : await hub.commitOf(revision);
  const files: CachedFile[] = [];
  for (const listed of await hub.list(commit, request.files)) {
    const { path, size: total } = listed;
    files.push(
      await storeFile({
        hub,
        cache,
        repository,
        commit,
        file: listed,
        ...(verify === undefined ? {} : { verify }),
        ...(signal === undefined ? {} : { signal }),
        ...(onProgress === undefined ? {} : { onProgress: (done: number) => onProgress({ path, done, total }) }),
      }),
    );
  }
  await mkdir(cache.snapshot(commit), { recursive: true });
  // Last: a revision in the cache has what was asked for of it.
  if (!pinned) await cache.writeRevision(revision, commit);
  return { repository, revision, commit, folder: cache.snapshot(commit), files, current: true };
}

/** A damaged file in the cache is fetched again. */
function orDamaged(error: unknown): undefined {
  if (!(ChecksumError.isInstance(error))) throw error;
}
