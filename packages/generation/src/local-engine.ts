import { basename, resolve } from "node:path";
import { DisposedError, InvalidRequestError } from "@elastic-attention/core";
import { PagePool } from "@elastic-attention/attention";
import { type Backend, createBackend, type FloatDType } from "@elastic-attention/tensor";
import type { HeadList } from "@elastic-attention/router";
import { countParameters, PretrainedModel } from "@elastic-attention/transformer";
import { ActiveRequest } from "./active-request.js";
import type { Engine, EngineReport, ModelDescription } from "./engine.js";
import type { EngineContext } from "./engine-context.js";
import { endOfTextIds } from "./end-of-text.js";
import type { GenerationEvent, GenerationRequest } from "./generation-request.js";
import { loadHeadList } from "./load-head-list.js";
import { promptTokens } from "./request-plan.js";
import { chooseRouterKind } from "./request-routing.js";
import { Scheduler } from "./scheduler.js";
import { SessionStore } from "./session-store.js";
import { Tokenizer } from "./tokenizer.js";

/** How an engine shares its model among requests. */
export interface EngineSettings {
  /** Requests that decode together at most. Default 64. */
  readonly maximumBatch?: number;
  /**
   * How long the prefill of one request may run before the answers of others get their next token. Default 50; a slice of
   * a prefill that takes longer cannot be cut. Infinity: every prompt is read to its end, and the answers of many grow
   * together; for callers who want all of them soon and none at once.
   */
  readonly prefillBudgetMilliseconds?: number;
  /** Sessions whose caches are kept between their turns. Default 16. */
  readonly maximumSessions?: number;
}

/** What is loaded, and where it computes. */
export interface LocalEngineOptions extends EngineSettings {
  /** Folder with config.json, safetensors, tokenizer.json and, optionally, routers.safetensors or heads.json. */
  readonly path: string;
  /** What reports call the model; default: the name of its folder. */
  readonly name?: string;
  /** A backend, which stays the caller's, or the name of a registered one, which the engine starts and owns. */
  readonly backend: Backend | string;
  /** Default: bf16 for 16-bit checkpoints, else f32. */
  readonly dtype?: FloatDType;
  /** Threads of a backend started by name; default: all cores. */
  readonly threads?: number;
  /**
   * A head list or the path of one: it decides, also where the model has learned routers. Default: heads.json in the
   * model's folder, for a model without learned routers.
   */
  readonly headList?: HeadList | string;
  /**
   * Safetensors file of trained routers, which take the place of the checkpoint's own. Default: routers.safetensors in the
   * model's folder, where there is one.
   */
  readonly routers?: string;
  readonly onProgress?: (layersDone: number, layersTotal: number) => void;
  /** Stops the loading; everything loaded is freed. */
  readonly signal?: AbortSignal;
}

/**
 * Runs requests in the calling thread, all in one batch; the event loop gets a turn after every slice of a prefill and
 * every step.
 */
export class LocalEngine implements Engine {
  readonly #sessions: SessionStore;
  readonly #scheduler: Scheduler;
  #disposed: Promise<void> | undefined;

  private constructor(
    readonly model: ModelDescription,
    /** For memory reports; do not dispose it. */
    readonly backend: Backend,
    private readonly context: EngineContext,
    private readonly ownsBackend: boolean,
    { maximumBatch = 64, prefillBudgetMilliseconds = 50, maximumSessions = 16 }: EngineSettings,
  ) {
    this.#sessions = new SessionStore(maximumSessions);
    this.#scheduler = new Scheduler(context, this.#sessions, { maximumBatch, prefillBudgetMilliseconds });
  }

  /**
   * Loads a model folder.
   *
   * @throws InvalidRequestError for a head list and routers at once, TokenizerError, HeadListError, ModelConfigError and the other errors of `PretrainedModel.open`,
   *   BackendUnavailableError, OutOfMemoryError, the signal's reason; nothing stays allocated
   */
  static async load(options: LocalEngineOptions): Promise<LocalEngine> {
    const begun = performance.now();
    const { path, signal, threads } = options;
    signal?.throwIfAborted();
    if (options.headList !== undefined && options.routers !== undefined) {
      throw new InvalidRequestError("Both a head list and routers were given.", "Give the one that is to decide.");
    }
    const ownsBackend = typeof options.backend === "string";
    const backend =
      typeof options.backend === "string"
        ? await createBackend(options.backend, threads === undefined ? {} : { threads })
        : options.backend;
    let model: PretrainedModel | undefined;
    try {
      model = await PretrainedModel.open({ ...options, backend });
      const tokenizer = Tokenizer.load(model.directory);
      const headList = loadHeadList(model, options.headList);
      const endOfText = endOfTextIds(model.directory, model.spec);
      const router = chooseRouterKind(model, headList, options.headList !== undefined);
      const context: EngineContext = { model, tokenizer, headList, router, endOfText, pool: pagePool(model) };
      const headListName = typeof options.headList === "string" ? options.headList : options.headList === undefined ? "heads.json" : "as given";
      const loadSeconds = (performance.now() - begun) / 1000;
      return new LocalEngine(describe(context, options.name ?? basename(resolve(path)), loadSeconds, headListName), backend, context, ownsBackend, options);
    } catch (error) {
      model?.[Symbol.dispose]();
      if (ownsBackend) backend[Symbol.dispose]();
      throw error;
    }
  }

  /** An engine over a model that is in memory already and becomes the engine's; the backend stays the caller's. */
  static over(model: PretrainedModel, tokenizer: Tokenizer, options: EngineSettings & { readonly name: string }): LocalEngine {
    const router = chooseRouterKind(model, undefined, false);
    const endOfText = new Set(model.spec.endOfTextIds);
    const context: EngineContext = { model, tokenizer, headList: undefined, router, endOfText, pool: pagePool(model) };
    return new LocalEngine(describe(context, options.name, 0, ""), model.decoder.backend, context, false, options);
  }

  async *generate(request: GenerationRequest): AsyncGenerator<GenerationEvent, void, undefined> {
    if (this.#disposed !== undefined) throw new DisposedError("The engine");
    const wake = () => this.#scheduler.wake();
    const active = new ActiveRequest(this.context, request, wake);
    const abort = () => this.#scheduler.remove(active);
    if (request.signal?.aborted) abort();
    else this.#scheduler.add(active);
    request.signal?.addEventListener("abort", abort);
    try {
      yield* active.events.read();
    } finally {
      request.signal?.removeEventListener("abort", abort);
      this.#scheduler.remove(active);
    }
  }

  async closeSession(name: string): Promise<void> {
    this.#sessions.close(name);
  }

  async report(): Promise<EngineReport> {
    const { idleCount: idleSessions, idleBytes: idleSessionBytes } = this.#sessions;
    return { ...this.#scheduler.report, idleSessions, idleSessionBytes };
  }

  async tokenize(input: Pick<GenerationRequest, "prompt" | "messages" | "chatTemplate">): Promise<Int32Array> {
    return promptTokens(input, this.context.tokenizer);
  }

  /** The model's tokenizer, for callers in the same thread. */
  get tokenizer(): Tokenizer {
    return this.context.tokenizer;
  }

  /** The loaded model, for callers that want raw numerics; do not dispose it. */
  get pretrained(): PretrainedModel {
    return this.context.model;
  }

  /** The head list that was given or found beside the model. */
  get headList(): HeadList | undefined {
    return this.context.headList;
  }

  /** Running requests fail with DisposedError; resolves when all memory is back. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    await this.#scheduler.close(new DisposedError("The engine"));
    this.#sessions[Symbol.dispose]();
    this.context.pool?.[Symbol.dispose]();
    this.context.model[Symbol.dispose]();
    if (this.ownsBackend) this.backend[Symbol.dispose]();
  }
}

/** Pages where they can grow in place; elsewhere growing a pool would copy all sequences. */
function pagePool({ decoder }: PretrainedModel): PagePool | undefined {
  const { backend, spec, dtype } = decoder;
  return backend.reserve === undefined ? undefined : new PagePool({ backend, headDim: spec.headDim, dtype });
}

function describe(context: EngineContext, name: string, loadSeconds: number, headListName: string): ModelDescription {
  const { spec, decoder } = context.model;
  return {
    name,
    architecture: spec.architecture,
    parameters: countParameters(spec),
    contextLength: spec.contextLength,
    numLayers: spec.numLayers,
    numQueryHeads: spec.numQueryHeads,
    numKeyValueHeads: spec.numKeyValueHeads,
    headDim: spec.headDim,
    vocabularySize: spec.vocabularySize,
    dtype: decoder.dtype,
    backend: decoder.backend.name,
    hasChatTemplate: context.tokenizer.hasChatTemplate,
    router: context.router,
    routerDescription: describeRouter(context, headListName),
    loadSeconds,
  };
}

/** In words, with what it leaves unused. */
function describeRouter({ model, router }: EngineContext, headListName: string): string {
  switch (router) {
    case "learned": {
      const from = model.routerFile === undefined ? "of the checkpoint" : `of ${basename(model.routerFile)}`;
      return `learned routers ${from}`;
    }
    case "static": {
      const list = `static head list ${headListName}`;
      return model.hasLearnedRouter ? `${list}, instead of the model's learned routers` : list;
    }
    case "none":
      return "none";
  }
}
