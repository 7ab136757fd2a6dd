import { ChecksumError, HubOfflineError, HubResponseError, HubUnreachableError } from "@elastic-attention/core";
import { RepositoryCache, type RepositoryFile } from "../cache/repository-cache.js";
import { HubConnection } from "../connection/hub-connection.js";
import { hubSettings, type HubSettings } from "../connection/hub-settings.js";
import { commitPattern, type Repository, repositoryText } from "../connection/repository.js";
import { assembleModel, type AssembleOptions, type AssembledModel } from "./assemble-model.js";
import { localModel, missingPath } from "./local-model.js";
import { type HubModelName, modelNameText, parseModelName } from "./model-name.js";
import { cachedSource, HubSource, type SourceRequest } from "./model-sources.js";
import { withSuggestions } from "./near-models.js";

/** How the name of a model is resolved. */
export interface ResolveOptions extends AssembleOptions, Pick<SourceRequest, "verify" | "signal" | "onProgress"> {
  /** Instead of the environment's: {@link hubSettings}. */
  readonly settings?: Partial<HubSettings>;
}

/** A model on this disk, and where it came from. */
export interface ResolvedModel {
  /** What is loaded: a folder, or a .safetensors or .gguf file. */
  readonly path: string;
  /** What reports call it: "org/name:Q4_K_M", or the name of its folder. */
  readonly name: string;
  /** What the user should know: one sentence each. */
  readonly notes: readonly string[];
  /** Where it came from; undefined for a model that was named by its place. */
  readonly hub: HubOrigin | undefined;
}

/** The state of a repository that a model was taken from. */
export interface HubOrigin {
  /** "org/name". */
  readonly repository: string;
  /** Branch, tag or commit. */
  readonly revision: string;
  readonly commit: string;
  readonly format: "safetensors" | "gguf";
  readonly files: readonly RepositoryFile[];
  /** Bytes that had to be fetched; 0: all of it was in the cache. */
  readonly fetchedBytes: number;
  /** False: the hub could not be asked whether the branch has moved on, and the cache's commit was taken. */
  readonly current: boolean;
}

/**
 * The model that a name means: a folder, a .safetensors or .gguf file, the folder of a repository in the hub's cache, or
 * `org/name[@revision][:file or quantisation]` from the cache or the hub. What exists on the disk wins. Of a repository only the
 * files that are needed are fetched, the weights last: whatever can be refused is refused before.
 *
 * @throws CheckpointLayoutError for a path that is not there, and for files that make no model or several
 * @throws HubRequestError for impossible names; the errors of {@link fetchFiles}, of reading the folder and of `check`; the
 *   signal's reason
 */
export async function resolveModel(name: string, options: ResolveOptions = {}): Promise<ResolvedModel> {
  options.signal?.throwIfAborted();
  const settings = hubSettings(options.settings);
  const local = await localModel(name);
  if (local !== undefined) return { ...local, notes: shadowNotes(name), hub: undefined };
  const parsed = parseModelName(name);
  if (parsed.kind === "path") throw await missingPath(name, settings.cacheFolder);
  try {
    return await hubModel(parsed, settings, options);
  } catch (error) {
    options.signal?.throwIfAborted();
    throw await withSuggestions(error, parsed.repository, settings, options.signal);
  }
}

async function hubModel(name: HubModelName, settings: HubSettings, options: ResolveOptions): Promise<ResolvedModel> {
  const repository: Repository = { type: "model", name: name.repository };
  const cache = new RepositoryCache(settings.cacheFolder, repository);
  const pinned = name.revision !== undefined && commitPattern.test(name.revision);
  const cached = async () => {
    const commit = pinned ? name.revision : await cache.readRevision(name.revision ?? "main");
    return commit === undefined ? undefined : fromCache(name, { ...options, repository, commit, cache, settings }, options);
  };
  if (settings.offline) {
    const found = await cached();
    if (found === undefined) throw new HubOfflineError(`${repositoryText(repository)}${name.revision === undefined ? "" : ` at ${name.revision}`}`, settings.cacheFolder);
    return found;
  }
  // What a commit holds never changes.
  if (pinned && (await cache.readListing(name.revision!)) !== undefined) {
    const found = await cached().catch(orIncomplete);
    if (found !== undefined) return found;
  }
  try {
    return await fromHub(name, { repository, cache, settings }, options);
  } catch (error) {
    if (!isOutOfReach(error)) throw error;
    const found = await cached().catch(orIncomplete);
    if (found === undefined) throw error;
    const note = `The hub cannot be asked; ${modelNameText(name)} of the cache is used, at ${found.hub!.commit}.`;
    return { ...found, notes: [note], hub: { ...found.hub!, current: pinned } };
  }
}

async function fromCache(name: HubModelName, request: SourceRequest, options: AssembleOptions): Promise<ResolvedModel> {
  const model = await assembleModel(name, await cachedSource(request), options);
  return resolved(name, request.commit, model, { fetchedBytes: 0, current: true });
}

async function fromHub(name: HubModelName, request: Omit<SourceRequest, "commit">, options: ResolveOptions): Promise<ResolvedModel> {
  const { repository, cache, settings } = request;
  const { revision = "main" } = name;
  let source: HubSource | undefined;
  const hub = new HubConnection(settings, repository, options.signal, (wait) => source?.waiting(wait));
  const commit = commitPattern.test(revision) ? revision : await hub.commitOf(revision);
  const listing = await hub.listAll(commit);
  source = new HubSource({ ...options, ...request, commit }, hub, listing);
  const model = await assembleModel(name, source, options);
  await cache.writeListing(commit, listing);
  // Last: a revision in the cache has what was asked for of it.
  if (commit !== revision) await cache.writeRevision(revision, commit);
  return resolved(name, commit, model, { fetchedBytes: source.fetchedBytes, current: true });
}

function resolved(name: HubModelName, commit: string, { path, format, files }: AssembledModel, rest: Pick<HubOrigin, "fetchedBytes" | "current">): ResolvedModel {
  const { repository, revision = "main" } = name;
  return { path, name: modelNameText(name), notes: [], hub: { repository, revision, commit, format, files, ...rest } };
}

/** A folder that is called like a model of the hub. */
function shadowNotes(name: string): string[] {
  try {
    if (parseModelName(name).kind === "path") return [];
  } catch {
    return [];
  }
  return [`${name} is a folder here, and is used; the hub's model of that name is ${name}@main.`];
}

/** No answer, or none that helps: what the cache has is better. */
function isOutOfReach(error: unknown): boolean {
  if (HubUnreachableError.isInstance(error)) return true;
  return HubResponseError.isInstance(error) && error.status !== undefined && (error.status === 429 || error.status >= 500);
}

/** What the cache lacks is fetched, or the error that kept it from that is told. */
function orIncomplete(error: unknown): undefined {
  if (!(HubOfflineError.isInstance(error) || ChecksumError.isInstance(error))) throw error;
}
