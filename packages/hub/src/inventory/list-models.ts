import { realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { bytesBelow } from "../cache/bytes-below.js";
import { cachedModelNames } from "../cache/cached-models.js";
import { orMissing } from "../cache/or-missing.js";
import { RepositoryCache, type RepositoryFile } from "../cache/repository-cache.js";
import { hubSettings, type HubSettings } from "../connection/hub-settings.js";
import { indexFile } from "../models/choose-files.js";
import { ggufModels } from "../models/gguf-files.js";
import { readShardNames } from "../models/model-config-file.js";

/** One state of a model in the cache. */
export interface CachedModel {
  /** "org/name". */
  readonly name: string;
  readonly commit: string;
  /** Branches and tags that were at this commit when they were last asked for. */
  readonly revisions: readonly string[];
  /** Bytes on the disk of its files; those it shares with another commit count for both. */
  readonly size: number;
  /** When a file was last read, or written where the disk does not say. */
  readonly lastUsed: Date;
  /** "safetensors", "gguf", "other": the weights that are there; undefined: none. */
  readonly format: "safetensors" | "gguf" | "other" | undefined;
  /** Of a GGUF repository, those that are there: "Q4_K_M", or file names without one. */
  readonly quantisations: readonly string[];
  /** Whether it can be loaded as it is. */
  readonly complete: boolean;
  /** Its folder, with the files under their own names. */
  readonly folder: string;
}

/** The models of a cache, and what unfinished downloads take. */
export interface ModelInventory {
  readonly cacheFolder: string;
  readonly models: readonly CachedModel[];
  /** Bytes on the disk: contents of all models, each once, and unfinished downloads. */
  readonly size: number;
}

/** The models in the cache, by name; within a model the last used first. */
export async function listModels(overrides?: Partial<HubSettings>): Promise<ModelInventory> {
  const { cacheFolder } = hubSettings(overrides);
  const models: CachedModel[] = [];
  let size = 0;
  for (const name of await cachedModelNames(cacheFolder)) {
    const cache = new RepositoryCache(cacheFolder, { type: "model", name });
    const revisions = await cache.revisions();
    const own = await Promise.all((await cache.commits()).map((commit) => describe(name, commit, revisions, cache)));
    models.push(...own.toSorted((left, right) => right.lastUsed.getTime() - left.lastUsed.getTime()));
    size += await bytesBelow(cache.folder);
  }
  return { cacheFolder, models, size };
}

async function describe(name: string, commit: string, revisions: ReadonlyMap<string, string>, cache: RepositoryCache): Promise<CachedModel> {
  const folder = cache.snapshot(commit);
  const files = await cache.snapshotFiles(commit);
  const contents = await Promise.all(files.map(async ({ path }) => realpath(join(folder, path))));
  const states = await Promise.all(Array.from(new Set(contents)).map((content) => stat(content)));
  const listing = await cache.readListing(commit);
  const made = (await orMissing(stat(folder)))?.mtime ?? new Date(0);
  return {
    name,
    commit,
    revisions: [...revisions].filter(([, each]) => each === commit).map(([revision]) => revision),
    size: states.reduce((sum, each) => sum + each.size, 0),
    lastUsed: states.reduce((last, { atime, mtime }) => new Date(Math.max(last.getTime(), atime.getTime(), mtime.getTime())), states.length === 0 ? made : new Date(0)),
    format: formatOf(files),
    quantisations: ggufModels(files).map(({ quantisation, files: parts }) => quantisation ?? parts[0]!.path),
    complete: await isComplete(folder, files, listing),
    folder,
  };
}

function formatOf(files: readonly RepositoryFile[]): CachedModel["format"] {
  const has = (pattern: RegExp) => files.some(({ path }) => pattern.test(path));
  if (has(/^(?!routers\.).*\.safetensors$/)) return "safetensors";
  if (ggufModels(files).length > 0) return "gguf";
  return has(/\.(bin|pth?|onnx|msgpack|h5|ckpt)$/) ? "other" : undefined;
}

/** Safetensors with config, tokenizer and every shard; or a GGUF model with all its parts. */
async function isComplete(folder: string, files: readonly RepositoryFile[], listing: readonly RepositoryFile[] | undefined): Promise<boolean> {
  const present = new Map(files.map(({ path, size }) => [path, size]));
  const whole = (path: string) => present.has(path) && (listing?.find((each) => each.path === path)?.size ?? present.get(path)) === present.get(path);
  const models = ggufModels(files);
  if (models.length > 0 && models.every(({ files: parts, parts: count }) => parts.length === count && parts.every(({ path }) => whole(path)))) return true;
  if (!["config.json", "tokenizer.json"].every(whole)) return false;
  if (whole("model.safetensors")) return true;
  if (!whole(indexFile)) return false;
  try {
    return (await readShardNames(join(folder, indexFile))).every(whole);
  } catch {
    return false;
  }
}
