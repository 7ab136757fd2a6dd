import { readdir, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { CheckpointLayoutError } from "@elastic-attention/core";
import { cachedModelNames, isRepositoryFolder, modelOfFolder } from "../cache/cached-models.js";
import { orMissing } from "../cache/or-missing.js";
import { RepositoryCache } from "../cache/repository-cache.js";
import { nearModels } from "./near-models.js";

/** A model at a place on this disk. */
export interface LocalModel {
  /** What is loaded: a folder or a file. */
  readonly path: string;
  /** The model's name: that of its folder or file, or "org/name" for a folder of the hub's cache. */
  readonly name: string;
}

/**
 * The model at a path: a folder, a file, or the folder of a repository in the hub's cache, of which the main branch or else its
 * only snapshot is meant. Undefined where there is nothing.
 *
 * @throws CheckpointLayoutError for a repository's folder without a snapshot to choose
 */
export async function localModel(path: string): Promise<LocalModel | undefined> {
  const place = /^~(?=$|[\\/])/.test(path) ? join(homedir(), path.slice(1)) : path;
  const found = await orMissing(stat(place));
  if (found === undefined) return undefined;
  const absolute = resolve(place);
  if (!found.isDirectory() || !(await isRepositoryFolder(absolute))) return { path: place, name: nameOf(absolute) };
  const snapshot = await snapshotOf(absolute);
  return { path: join(place, "snapshots", snapshot), name: modelOfFolder(basename(absolute)) ?? basename(absolute) };
}

/** There is nothing at the path. The hint names what is like it. */
export async function missingPath(path: string, cacheFolder: string): Promise<CheckpointLayoutError> {
  const beside = (await readdir(dirname(resolve(path))).catch(() => [])).filter((name) => !name.startsWith("."));
  const near = [...nearModels(basename(path), beside).map((name) => join(dirname(path), name)), ...nearModels(path, await cachedModelNames(cacheFolder))];
  const suggestion = near.length === 0 ? "" : ` Did you mean ${near.slice(0, 3).join(", ")}?`;
  return new CheckpointLayoutError(
    `${path} does not exist.`,
    `Name a model folder, a .safetensors or .gguf file, or owner/name of a model on the Hugging Face hub.${suggestion}`,
  );
}

/** A snapshot in a cache is called by its repository. */
function nameOf(path: string): string {
  const repository = basename(dirname(path)) === "snapshots" ? modelOfFolder(basename(dirname(dirname(path)))) : undefined;
  return repository ?? basename(path);
}

async function snapshotOf(folder: string): Promise<string> {
  const name = modelOfFolder(basename(folder));
  const commits = await readdir(join(folder, "snapshots"));
  const main = name === undefined ? undefined : await new RepositoryCache(dirname(folder), { type: "model", name }).readRevision("main");
  if (main !== undefined && commits.includes(main)) return main;
  if (commits.length === 1) return commits[0]!;
  if (commits.length === 0) throw new CheckpointLayoutError(`${folder} has no snapshot.`, `Fetch the model: elastic-attention pull ${name ?? "owner/name"}.`);
  throw new CheckpointLayoutError(`${folder} has ${commits.length} snapshots, and none is that of the main branch.`, `Name one of them: ${commits.map((commit) => join(folder, "snapshots", commit)).join(", ")}.`);
}
