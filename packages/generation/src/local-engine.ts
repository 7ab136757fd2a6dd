import { basename, resolve } from "node:path";
import { type Backend, createBackend, DisposedError, type FloatDType } from "@elastic-attention/tensor";
import type { HeadList } from "@elastic-attention/router";
import { countParameters, PretrainedModel } from "@elastic-attention/transformer";
import type { Engine, ModelDescription } from "./engine.js";
import { endOfTextIds } from "./end-of-text.js";
import type { GenerationEvent, GenerationRequest } from "./generation-request.js";
import { loadHeadList } from "./load-head-list.js";
import { promptTokens } from "./request-plan.js";
import { routerName } from "./request-routing.js";
import { type EngineContext, RequestRun } from "./request-run.js";
import { Tokenizer } from "./tokenizer.js";

/** What is loaded, and where it computes. */
export interface LocalEngineOptions {
  /** Folder with config.json, safetensors, tokenizer.json and, optionally, heads.json. */
  readonly path: string;
  /** What reports call the model; default: the name of its folder. */
  readonly name?: string;
  /** A backend, which stays the caller's, or the name of a registered one, which the engine starts and owns. */
  readonly backend: Backend | string;
  /** Default: bf16 for 16-bit checkpoints, else f32. */
  readonly dtype?: FloatDType;
  /** Threads of a backend started by name; default: all cores. */
  readonly threads?: number;
  /** A head list or the path of one, for a model without router weights; default: heads.json in the model's folder. */
  readonly headList?: HeadList | string;
  /** Safetensors file of trained routers, which take the place of the checkpoint's own. */
  readonly routers?: string;
  readonly onProgress?: (layersDone: number, layersTotal: number) => void;
  /** Stops the loading; everything loaded is freed. */
  readonly signal?: AbortSignal;
}

/** Runs requests in the calling thread; the event loop gets a turn after every layer and every token. */
export class LocalEngine implements Engine {
  readonly #runs = new Set<RequestRun>();
  readonly #closing: AbortController;
  #disposed: Promise<void> | undefined;

  private constructor(
    readonly model: ModelDescription,
    /** For memory reports; do not dispose it. */
    readonly backend: Backend,
    private readonly context: EngineContext,
    closing: AbortController,
    private readonly ownsBackend: boolean,
  ) {
    this.#closing = closing;
  }

  /**
   * Loads a model folder.
   *
   * @throws TokenizerError, HeadListError, ModelConfigError and the other errors of `PretrainedModel.open`,
   *   BackendUnavailableError, OutOfMemoryError, the signal's reason; nothing stays allocated
   */
  static async load(options: LocalEngineOptions): Promise<LocalEngine> {
    const begun = performance.now();
    const { path, signal, threads } = options;
    signal?.throwIfAborted();
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
      const closing = new AbortController();
      const context: EngineContext = { model, tokenizer, headList, endOfText, closing: closing.signal };
      const loadSeconds = (performance.now() - begun) / 1000;
      return new LocalEngine(describe(context, options.name ?? basename(resolve(path)), loadSeconds), backend, context, closing, ownsBackend);
    } catch (error) {
      model?.[Symbol.dispose]();
      if (ownsBackend) backend[Symbol.dispose]();
      throw error;
    }
  }

  async *generate(request: GenerationRequest): AsyncGenerator<GenerationEvent, void, undefined> {
    this.#closing.signal.throwIfAborted();
    using run = new RequestRun(this.context, request);
    this.#runs.add(run);
    try {
      yield* run.events();
    } finally {
      this.#runs.delete(run);
    }
  }

  async tokenize(input: Pick<GenerationRequest, "prompt" | "messages">): Promise<Int32Array> {
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
    this.#closing.abort(new DisposedError("The engine"));
    for (const run of Array.from(this.#runs)) {
      await run.stop();
      run[Symbol.dispose]();
    }
    this.context.model[Symbol.dispose]();
    if (this.ownsBackend) this.backend[Symbol.dispose]();
  }
}

function describe(context: EngineContext, name: string, loadSeconds: number): ModelDescription {
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
    router: routerName(context),
    loadSeconds,
  };
}
