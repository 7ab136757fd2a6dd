import { availableParallelism } from "node:os";
import { InvalidRequestError, MemoryScope } from "@elastic-attention/core";
import { bestHeads, type HeadList } from "@elastic-attention/router";
import { type Backend, backendProvider, createBackend, openRankGroup, type RankGroup } from "@elastic-attention/tensor";
import { checkModel, type CheckedModel, hasOwnRouters, openModelFiles, PretrainedModel, routerFileOf, settleFailure } from "@elastic-attention/transformer";
import type { CheckedSettings } from "./engine-settings.js";
import { findModel, type FindModelOptions } from "./find-model.js";
import type { LocalEngineOptions } from "./local-engine.js";
import { missingRouter, needsRouter } from "./request/request-routing.js";
import { checkRouterFiles, findHeadList } from "./request/router-choice.js";
import { Tokenizer } from "./tokenizer/tokenizer.js";

/** A model in memory, and what came with it. */
export interface OpenedModel {
  readonly model: PretrainedModel;
  readonly tokenizer: Tokenizer;
  readonly found: Awaited<ReturnType<typeof findModel>>;
  /** The ranks that have the model together; undefined where it is whole. */
  readonly ranks: RankGroup | undefined;
  /** Backend and ranks, where they belong to the engine; given back after the model. */
  readonly base: Disposable;
}

/** Loads what an engine is made of; nothing stays where it fails. @throws the errors of `LocalEngine.load` */
export async function openModel(options: LocalEngineOptions, { memoryLimitBytes }: Pick<CheckedSettings, "memoryLimitBytes">): Promise<OpenedModel> {
  const { signal } = options;
  signal?.throwIfAborted();
  using base = new MemoryScope();
  const ranks = options.ranks === undefined ? undefined : base.track(openRankGroup(options.ranks));
  using opening = new MemoryScope();
  const prepare = async () => {
    // Before a model is looked for, which may fetch it.
    checkRouterFiles(options);
    if (typeof options.backend === "string") backendProvider(options.backend);
    const found = await findModel(options.path, findOptions(options));
    // Before the weights are read, which may take long.
    const checked = checkModel(opening.track(openModelFiles(found.path)));
    const tokenizer = Tokenizer.ofModel(checked.files);
    const list = requireRouter(checked, options);
    // Heads that retrieve are those that routers make full.
    const fullShares = list === undefined ? undefined : bestHeads(list.scores, list.sparsity).map((row) => Array.from(row, (sparse) => 1 - sparse));
    const backend = await startBackend(options);
    // Before anything is loaded: the weights count too.
    base.track(limitMemory(backend, memoryLimitBytes, typeof options.backend === "string"));
    // A list of the user's own heads is not overridden by routers that nobody named.
    return { found, checked, tokenizer, backend, fullShares, knownRouters: list === undefined };
  };
  // The other ranks wait for this one's share.
  const failed = (error: unknown): never => {
    throw ranks === undefined ? error : settleFailure(ranks, error);
  };
  const { found, checked, tokenizer, backend, fullShares, knownRouters } = await prepare().catch(failed);
  const model = await PretrainedModel.open({ ...options, path: found.path, checked, backend, ranks, fullShares, knownRouters });
  return { model, tokenizer, found, ranks, base: base.move() };
}

/** Limits what a backend may take. @returns what takes the limit off again, or disposes a backend that is owned */
export function limitMemory(backend: Backend, bytes: number | undefined, owned: boolean): Disposable {
  if (bytes !== undefined) backend.setMemoryLimit(bytes);
  if (owned) return backend;
  return { [Symbol.dispose]: () => (bytes === undefined ? undefined : backend.setMemoryLimit(undefined)) };
}

/** What a user should know of a model that several ranks have. */
export function rankNotes({ ranks }: Pick<OpenedModel, "ranks">): string[] {
  if (ranks === undefined) return [];
  return [`${ranks.size} ranks share the model (${ranks.name}): figures of memory are the first rank's, and prompts reuse no cached prefixes.`];
}

/** @throws InvalidRequestError for settings of a backend that is running already */
async function startBackend({ backend, threads: asked, instructionSet, ranks }: LocalEngineOptions): Promise<Backend> {
  // Ranks of one machine divide its cores.
  const threads = asked ?? (ranks === undefined ? undefined : Math.max(1, Math.floor(availableParallelism() / ranks.size)));
  const settings = { ...(threads === undefined ? {} : { threads }), ...(instructionSet === undefined ? {} : { instructionSet }) };
  if (typeof backend === "string") return createBackend(backend, settings);
  if (instructionSet === undefined) return backend;
  throw new InvalidRequestError("instructionSet belongs to a backend that the engine starts by name.", "Give it to createCpuBackend.");
}

function findOptions({ backend, dtype, weights, routing, routers, headList, onFetch, signal }: LocalEngineOptions): FindModelOptions {
  return {
    hasRouter: routers !== undefined || headList !== undefined,
    ...(typeof backend === "string" ? { backend } : {}),
    ...(dtype === undefined ? {} : { dtype }),
    ...(weights === undefined ? {} : { weights }),
    ...(routing === undefined ? {} : { routing }),
    ...(onFetch === undefined ? {} : { onFetch }),
    ...(signal === undefined ? {} : { signal }),
  };
}

/**
 * @returns the model's head list, if it has one
 * @throws HeadListError for a list of another shape; InvalidRequestError for a router that is wanted and missing
 */
function requireRouter(checked: CheckedModel, { headList, routers, routing = {} }: LocalEngineOptions): HeadList | undefined {
  const { files, adapter, spec } = checked;
  const list = findHeadList(files.directory, spec, headList);
  const hasRouter = list !== undefined || routerFileOf(checked, { asked: routers }) !== undefined || hasOwnRouters(files, adapter, spec);
  if (!hasRouter && needsRouter(routing)) throw missingRouter(routing.mode, routing.sparsity);
  return list;
}
