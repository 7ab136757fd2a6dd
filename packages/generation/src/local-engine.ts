import type { CacheType } from "@elastic-attention/attention";
import { DisposedError, InvalidRequestError, MemoryScope } from "@elastic-attention/core";
import type { Backend, FloatDType, RankSettings } from "@elastic-attention/tensor";
import type { ModelProgress } from "@elastic-attention/hub";
import type { HeadList } from "@elastic-attention/router";
import type { PretrainedModel, WeightChoice } from "@elastic-attention/transformer";
import { readGenerationConfig } from "./defaults/generation-config.js";
import { type GenerationDefaults, noDefaults } from "./defaults/generation-defaults.js";
import type { Engine, EngineReport, ModelDescription } from "./engine.js";
import type { EngineContext } from "./engine-context.js";
import { checkSettings, type CheckedSettings, type EngineSettings } from "./engine-settings.js";
import { describeModel } from "./model-description.js";
import { limitMemory, openModel, rankNotes } from "./open-model.js";
import { PrefixCache } from "./prefix/prefix-cache.js";
import { AnswerGroup } from "./answer/answer-group.js";
import { ExpectedSparsity } from "./request/expected-sparsity.js";
import type { GenerationEvent, GenerationRequest } from "./request/generation-request.js";
import { readPrompt } from "./request/read-prompt.js";
import type { RoutingWish } from "./request/request-routing.js";
import { chooseRouter, type RouterChoice } from "./request/router-choice.js";
import { prepareRequest } from "./request/prepared-request.js";
import { abortedEvents } from "./request/routing-report.js";
import { tokenTexts } from "./recording/token-texts.js";
import { Scheduler } from "./schedule/scheduler.js";
import { restoreSession, saveSession } from "./session/saved/keep-session.js";
import { SessionStore } from "./session/session-store.js";
import type { Tokenizer } from "./tokenizer/tokenizer.js";
import { tokenizing } from "./tokenizer/tokenizing.js";

/** What is loaded, and where it computes. */
export interface LocalEngineOptions extends EngineSettings {
  /**
   * Folder with config.json, safetensors, tokenizer.json and, optionally, routers.safetensors or heads.json; a .safetensors
   * or .gguf file; or `org/name[@revision][:file or quantisation]` of the Hugging Face hub, which is fetched where its cache
   * does not have it.
   */
  readonly path: string;
  /** What reports call the model; default: the name of its folder. */
  readonly name?: string;
  /** A backend, which stays the caller's, or the name of a registered one, which the engine starts and owns. */
  readonly backend: Backend | string;
  /** Default: bf16 for 16-bit checkpoints, else f32. */
  readonly dtype?: FloatDType;
  /** What matrices are kept in; default that of the backend. See `OpenModelOptions.weights`. */
  readonly weights?: WeightChoice | "automatic";
  /** What keys and values are kept in; default: the type that is computed in. See `OpenModelOptions.cacheType`. */
  readonly cacheType?: CacheType;
  /** Threads of a backend started by name; default: all cores. */
  readonly threads?: number;
  /** Level of kernels (avx2, …) of a cpu backend started by name; default: the best that the processor has. */
  readonly instructionSet?: string;
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
  /**
   * Loads a share of the model, and computes with the ranks that load the others (`followEngine`). What several ranks do not do
   * is refused: sessions on disk, routers of the caller's own. Sequences reuse no cached prefixes.
   */
  readonly ranks?: RankSettings;
  /** What requests will ask of its routers; a model that cannot do it is refused before its weights are read. */
  readonly routing?: RoutingWish;
  readonly onProgress?: (layersDone: number, layersTotal: number) => void;
  /** While a model of the hub is fetched. */
  readonly onFetch?: (progress: ModelProgress) => void;
  /** Stops the loading; everything loaded is freed. */
  readonly signal?: AbortSignal;
}

/** What an engine is made of. */
interface EngineParts {
  readonly choice: RouterChoice;
  readonly tokenizer: Tokenizer;
  readonly defaults: GenerationDefaults;
  readonly endOfText: ReadonlySet<number>;
  readonly model: ModelDescription;
  /** What it stands on and gives back last. */
  readonly base: Disposable;
}

/**
 * Runs requests in the calling thread, all in one batch; the event loop gets a turn after every slice of a prefill and
 * every step.
 */
export class LocalEngine implements Engine {
  readonly model: ModelDescription;
  readonly #context: EngineContext;
  readonly #scheduler: Scheduler;
  readonly #owned = new MemoryScope();
  #disposed: Promise<void> | undefined;

  private constructor({ choice, tokenizer, defaults, endOfText, model, base }: EngineParts, settings: CheckedSettings) {
    this.model = model;
    const owned = this.#owned;
    // Last of all, as the others live on it.
    owned.track(base);
    owned.track(choice.model);
    const sessions = owned.track(new SessionStore(settings.maximumSessions));
    const prefixes = owned.track(new PrefixCache(choice.model.decoder, settings.prefixCache));
    this.#context = { choice, tokenizer, defaults, endOfText, sessions, prefixes, sparsity: new ExpectedSparsity(), draftTokens: settings.draftTokens };
    this.#scheduler = new Scheduler(this.#context, settings);
  }

  /**
   * Loads a model folder.
   *
   * @throws the errors of `resolveModel` for a name; InvalidRequestError for settings out of range and for a head list and routers at once, TokenizerError, HeadListError,
   *   ModelConfigError and the other errors of `PretrainedModel.open`, BackendUnavailableError, OutOfMemoryError, the signal's
   *   reason; nothing stays allocated
   */
  static async load(options: LocalEngineOptions): Promise<LocalEngine> {
    const begun = performance.now();
    const settings = checkSettings(options);
    const opened = await openModel(options, settings);
    const { model, tokenizer, found } = opened;
    try {
      // It may have come with the last layer.
      options.signal?.throwIfAborted();
      const choice = chooseRouter(model, options.headList);
      // A GGUF file is a model by itself, whatever lies beside it.
      const { defaults, endOfTextIds } = model.ggufPath === undefined ? readGenerationConfig(model.directory) : { defaults: noDefaults, endOfTextIds: [] };
      const endOfText = new Set([...model.spec.endOfTextIds, ...endOfTextIds, ...tokenizer.endOfText, ...tokenizer.endOfTurn]);
      const loadSeconds = (performance.now() - begun) / 1000;
      const notes = [...found.notes, ...rankNotes(opened)];
      const description = describeModel(choice, tokenizer, defaults, options.name ?? found.name, loadSeconds, notes);
      return new LocalEngine({ choice, tokenizer, defaults, endOfText, model: description, base: opened.base }, settings);
    } catch (error) {
      model[Symbol.dispose]();
      opened.base[Symbol.dispose]();
      throw error;
    }
  }

  /** An engine over a model that is in memory already and becomes the engine's; the backend stays the caller's. */
  static over(model: PretrainedModel, tokenizer: Tokenizer, options: EngineSettings & { readonly name: string }): LocalEngine {
    const settings = checkSettings(options);
    const choice = chooseRouter(model);
    const endOfText = new Set([...model.spec.endOfTextIds, ...tokenizer.endOfTurn]);
    const base = limitMemory(model.decoder.backend, settings.memoryLimitBytes, false);
    const description = describeModel(choice, tokenizer, noDefaults, options.name, 0);
    return new LocalEngine({ choice, tokenizer, defaults: noDefaults, endOfText, model: description, base }, settings);
  }

  async *generate(request: GenerationRequest): AsyncGenerator<GenerationEvent, void, undefined> {
    this.#requireAlive();
    const { signal } = request;
    if (signal?.aborted) {
      yield* abortedEvents(request);
      return;
    }
    using prepared = await prepareRequest(this.#context, request);
    // A constraint may take its time.
    this.#requireAlive();
    const group = new AnswerGroup(this.#context, prepared, () => this.#scheduler.wake());
    const abort = () => this.#scheduler.remove(group);
    this.#scheduler.add(group);
    request.onAccepted?.(group.first.promptTokens);
    signal?.addEventListener("abort", abort);
    if (signal?.aborted) abort();
    try {
      // Without yield*, which waits for each event three times.
      for (let event = await group.events.next(); event !== undefined; event = await group.events.next()) yield event;
    } finally {
      signal?.removeEventListener("abort", abort);
      abort();
    }
  }

  async closeSession(name: string): Promise<void> {
    this.#requireAlive();
    this.#context.sessions.close(name);
    this.#scheduler.freed();
  }

  async report(): Promise<EngineReport> {
    this.#requireAlive();
    const { idleCount: idleSessions, idleBytes: idleSessionBytes } = this.#context.sessions;
    return { ...this.#scheduler.report, idleSessions, idleSessionBytes, keyValueUsage: this.#keyValueUsage, prefixCache: this.#context.prefixes.report };
  }

  get #keyValueUsage(): number {
    const { decoder } = this.pretrained;
    const { liveBytes, limitBytes } = decoder.backend.memory();
    const room = limitBytes - decoder.weightBytes;
    const used = decoder.pagePool === undefined ? liveBytes - decoder.weightBytes : decoder.pagePool.report().bytesInUse - this.#context.prefixes.evictableBytes;
    return room <= 0 ? 1 : Math.min(1, Math.max(0, used / room));
  }

  async saveSession(name: string, folder: string): Promise<void> {
    this.#requireAlive();
    this.#requireOneRank();
    saveSession(this.#context, name, folder);
  }

  async restoreSession(name: string, folder: string): Promise<void> {
    this.#requireAlive();
    this.#requireOneRank();
    restoreSession(this.#context, name, folder);
  }

  async clearPrefixCache(): Promise<void> {
    this.#requireAlive();
    this.#context.prefixes.clear();
    this.#scheduler.freed();
  }

  async tokenize(input: Pick<GenerationRequest, "prompt" | "messages" | "chatTemplate">): Promise<Int32Array> {
    this.#requireAlive();
    return readPrompt(input, this.tokenizer).tokens;
  }

  async render(input: Required<Pick<GenerationRequest, "messages">> & Pick<GenerationRequest, "chatTemplate">): Promise<string> {
    this.#requireAlive();
    return readPrompt(input, this.tokenizer).text!;
  }

  async pieces(tokens: Int32Array): Promise<readonly string[]> {
    this.#requireAlive();
    return tokenizing(() => tokenTexts(this.tokenizer, tokens));
  }

  async detokenize(tokens: Int32Array): Promise<string> {
    this.#requireAlive();
    return tokenizing(() => this.tokenizer.decode(tokens, { skipSpecialTokens: false }));
  }

  /** For memory reports; do not dispose it. */
  get backend(): Backend {
    return this.pretrained.decoder.backend;
  }

  /** The model's tokenizer, for callers in the same thread. */
  get tokenizer(): Tokenizer {
    return this.#context.tokenizer;
  }

  /** The loaded model, for callers that want raw numerics; do not dispose it. */
  get pretrained(): PretrainedModel {
    return this.#context.choice.model;
  }

  /** The head list that was given or found beside the model. */
  get headList(): HeadList | undefined {
    return this.#context.choice.headList;
  }

  /** Running requests fail with DisposedError; resolves when all memory is back. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#scheduler.close(new DisposedError("The engine")).then(() => this.#owned.dispose());
    return this.#disposed;
  }

  #requireOneRank(): void {
    if (this.pretrained.decoder.spec.shard === undefined) return;
    throw new InvalidRequestError("Sessions of a model that several ranks have together cannot be saved or restored.", "Use one card for sessions on disk.");
  }

  #requireAlive(): void {
    if (this.#disposed !== undefined) throw new DisposedError("The engine");
  }
}
