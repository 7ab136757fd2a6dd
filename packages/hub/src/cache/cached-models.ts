import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { orMissing } from "./or-missing.js";
import { RepositoryCache } from "./repository-cache.js";

/** Names of the models that the cache has at least one file of, sorted. */
export async function cachedModelNames(cacheFolder: string): Promise<string[]> {
  const names: string[] = [];
  for (const folder of (await orMissing(readdir(cacheFolder))) ?? []) {
    const name = modelOfFolder(folder);
    if (name === undefined) continue;
    const commits = await new RepositoryCache(cacheFolder, { type: "model", name }).commits();
    if (commits.length > 0) names.push(name);
  }
  return names.toSorted();
}

/** "org/name" of "models--org--name", as the hub's libraries call a repository's folder; undefined for other folders. */
export function modelOfFolder(folder: string): string | undefined {
  const parts = folder.split("--");
  return parts[0] === "models" && (parts.length === 2 || parts.length === 3) && parts.every((part) => part !== "") ? parts.slice(1).join("/") : undefined;
}

/** Whether a folder is that of a repository in a cache. */
export async function isRepositoryFolder(folder: string): Promise<boolean> {
  return (await orMissing(stat(join(folder, "snapshots"))))?.isDirectory() ?? false;
}
