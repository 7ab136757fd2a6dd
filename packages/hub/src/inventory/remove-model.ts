import { readdir, realpath, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { HubRequestError, NotCachedError } from "@elastic-attention/core";
import { bytesBelow } from "../cache/bytes-below.js";
import { cachedModelNames } from "../cache/cached-models.js";
import { orMissing } from "../cache/or-missing.js";
import { RepositoryCache } from "../cache/repository-cache.js";
import { hubSettings, type HubSettings } from "../connection/hub-settings.js";
import { commitPattern } from "../connection/repository.js";
import { ggufModels, selectGguf } from "../models/gguf-files.js";
import { type HubModelName, modelNameText, parseModelName } from "../models/model-name.js";
import { cacheText, nearModels } from "../models/near-models.js";

/** What was removed, or would be. */
export interface RemovedModel {
  /** As it was named: "org/name@v1:Q4_K_M". */
  readonly name: string;
  /** Commits whose snapshot is gone. */
  readonly commits: readonly string[];
  /** Files of a snapshot that stays, where one file or quantisation was named. */
  readonly files: readonly string[];
  /** Bytes that are free again; contents that another snapshot needs stay. */
  readonly freedBytes: number;
}

/**
 * Removes a model from the cache: all of it, one revision (`org/name@v1`), or one file or quantisation (`org/name:Q4_K_M`).
 * Contents that another snapshot shares are kept.
 *
 * @throws HubRequestError for a path: only the cache is removed from
 * @throws NotCachedError for what the cache does not have
 */
export async function removeModel(text: string, overrides?: Partial<HubSettings>): Promise<RemovedModel> {
  const { cacheFolder } = hubSettings(overrides);
  const name = parseModelName(text);
  if (name.kind === "path") throw new HubRequestError(`${text} is a path, and models are removed from the cache only.`, "Name it owner/name, as `list` shows it, or delete the folder yourself.");
  const cache = new RepositoryCache(cacheFolder, { type: "model", name: name.repository });
  const commits = await namedCommits(name, cache);
  if (commits.length === 0) throw await notCached(name, cacheFolder);
  const before = await bytesBelow(cache.folder);
  const files = name.selector === undefined ? [] : await removeFiles(name, cache, commits, cacheFolder);
  const gone: string[] = [];
  for (const commit of commits) {
    if (name.selector !== undefined && (await cache.snapshotFiles(commit)).length > 0) continue;
    await removeSnapshot(cache, commit);
    gone.push(commit);
  }
  if ((await cache.commits()).length === 0) await rm(cache.folder, { recursive: true, force: true });
  else await removeUnusedContents(cache);
  return { name: modelNameText(name), commits: gone, files, freedBytes: before - (await bytesBelow(cache.folder)) };
}

async function namedCommits({ revision }: HubModelName, cache: RepositoryCache): Promise<string[]> {
  const commits = await cache.commits();
  if (revision === undefined) return commits;
  const named = commitPattern.test(revision) ? revision : await cache.readRevision(revision);
  return commits.filter((commit) => commit === named);
}

async function removeFiles(name: HubModelName, cache: RepositoryCache, commits: readonly string[], cacheFolder: string): Promise<string[]> {
  const removed = new Set<string>();
  for (const commit of commits) {
    const files = await cache.snapshotFiles(commit);
    const single = files.filter(({ path }) => path === name.selector);
    const chosen = single.length > 0 ? single : selectGguf(ggufModels(files), name.selector!).flatMap((model) => model.files);
    for (const { path } of chosen) {
      await rm(join(cache.snapshot(commit), path));
      removed.add(path);
    }
  }
  if (removed.size === 0) throw await notCached(name, cacheFolder);
  return [...removed];
}

async function removeSnapshot(cache: RepositoryCache, commit: string): Promise<void> {
  await rm(cache.snapshot(commit), { recursive: true, force: true });
  await rm(cache.listing(commit), { force: true });
  for (const [revision, each] of await cache.revisions()) {
    if (each === commit) await rm(join(cache.folder, "refs", revision), { force: true });
  }
}

/** Contents that no snapshot leads to any more; a download that goes on, or is to be resumed, keeps its part. */
async function removeUnusedContents(cache: RepositoryCache): Promise<void> {
  const used = new Set<string>();
  for (const commit of await cache.commits()) {
    for (const { path } of await cache.snapshotFiles(commit)) {
      const content = await realpath(join(cache.snapshot(commit), path));
      if (basename(dirname(content)) === "blobs") used.add(basename(content));
    }
  }
  for (const blob of (await orMissing(readdir(join(cache.folder, "blobs")))) ?? []) {
    if (!used.has(blob) && !blob.endsWith(".incomplete")) await rm(join(cache.folder, "blobs", blob), { recursive: true, force: true });
  }
  for (const unpacked of (await orMissing(readdir(join(cache.folder, "unpacked")))) ?? []) {
    if (!used.has(unpacked)) await rm(join(cache.folder, "unpacked", unpacked), { recursive: true, force: true });
  }
}

async function notCached(name: HubModelName, cacheFolder: string): Promise<NotCachedError> {
  const near = nearModels(name.repository, await cachedModelNames(cacheFolder));
  const hint = near.length === 0 ? await cacheText(cacheFolder) : `Did you mean ${near.join(", ")}?`;
  return new NotCachedError(modelNameText(name), cacheFolder, hint);
}
