import { MemoryScope, OutOfMemoryError, UnsupportedRouterError } from "@elastic-attention/core";
import type { AttentionMode, CacheType } from "@elastic-attention/attention";
import { LearnedRouter, type LearnedRouterDescription, type RouterPooling, type RouterWeights } from "@elastic-attention/router";
import type { Backend, FloatDType, RankGroup } from "@elastic-attention/tensor";
import { decodeGraphNote } from "../decode/decode-graph.js";
import { DecoderModel } from "../decoder-model.js";
import type { RandomModelOptions } from "../decoder-options.js";
import { checkCacheType } from "../memory/check-cache-type.js";
import { elasticSizes, type ElasticSizes, parseRouterPooling, publishedSizes } from "../model/elastic-spec.js";
import type { ModelAdapter } from "../model/model-adapter.js";
import { ModelConfig } from "../model/model-config.js";
import { computeDType, type ModelSpec, routedLayers } from "../model/model-spec.js";
import { ledDecoder } from "../parallel/led-decoder.js";
import { shardModel, shardSpec } from "../parallel/model-shard.js";
import { shareOfModel } from "../parallel/model-share.js";
import { RankFollower } from "../parallel/rank-follower.js";
import { RankLeader } from "../parallel/rank-leader.js";
import { settleFailure, settleSuccess } from "../parallel/settled.js";
import { checkModel, type CheckedModel } from "./checked-model.js";
import { type ModelFiles, openModelFiles } from "./model-files.js";
import { chosenWeights, type WeightChoice, WeightPlan } from "./weight-plan.js";
import { hasOwnRouters, loadRouterFile, loadRouters, routerFileOf } from "./routers/router-file.js";

export interface OpenModelOptions {
  /** Folder with config.json and safetensors, a .safetensors file beside a config.json, or a GGUF file. */
  readonly path: string;
  /** The model at `path`, where its files are open and checked already; they stay the caller's. */
  readonly checked?: CheckedModel;
  readonly backend: Backend;
  /** What is computed in. Default: bf16 for 16-bit checkpoints, else f32; f32 for weights in f32. */
  readonly dtype?: FloatDType;
  /**
   * What matrices are kept in. "stored": those in blocks (Q8_0, Q4_K, …) are computed on as the file has them, which takes a
   * half or a quarter of the memory; a format without a kernel on the backend is refused by name, and routers cannot be trained
   * through them. "q8_0", "q4_k": quantised while they are loaded. "automatic": stored where the backend computes on every
   * format of the file and `dtype` does not ask for f32, else unpacked to `dtype`. Default: "automatic" on the cpu, "unpacked"
   * elsewhere.
   */
  readonly weights?: WeightChoice | "automatic";
  /**
   * What keys and values are kept in: "fp8" takes half of the memory of bf16, and rounds each element by 1/16 of itself at most.
   * A backend without kernels for it is refused. Default: the type that is computed in.
   */
  readonly cacheType?: CacheType;
  readonly adapter?: ModelAdapter;
  /**
   * The ranks that have the model together, this one with a share of it; each opens it with the same options. The first is used
   * as if it had all; the others {@link PretrainedModel.follow}.
   */
  readonly ranks?: RankGroup | undefined;
  /**
   * How likely a router makes each head full, [layer][kvHead], 0 to 1: ranks get heads so that each has about as many full ones.
   * The same on all ranks. Default: heads one after another.
   */
  readonly fullShares?: readonly (readonly number[])[] | undefined;
  /**
   * Safetensors file of routers alone; takes the place of the checkpoint's own, with the modes it was trained for. Default:
   * routers.safetensors in the model's folder, where there is one; else those known for the checkpoint.
   */
  readonly routers?: string;
  /** Whether routers that are known for the checkpoint (`registerRouters`) are taken, where nothing else names any. Default true. */
  readonly knownRouters?: boolean;
  readonly onProgress?: (layersDone: number, layersTotal: number) => void;
  readonly signal?: AbortSignal;
}

/** What a model's routers were trained for: modes, their sizes, and which keys the routers average. */
interface RouterSettings {
  readonly sizes: ElasticSizes;
  readonly pooling: RouterPooling;
}

/** A model folder: its config, its decoder on a backend, and the router tensors it may hold. */
export class PretrainedModel implements Disposable {
  #decoder: DecoderModel;

  private constructor(
    /** Its folder; empty for a model that was not loaded from one. */
    readonly directory: string,
    /** The GGUF file that it was loaded from, which has its tokenizer; undefined for other models. */
    readonly ggufPath: string | undefined,
    readonly config: ModelConfig,
    /** What reads its layout. */
    readonly adapter: ModelAdapter | undefined,
    /** Of the whole model. */
    readonly spec: ModelSpec,
    decoder: DecoderModel,
    /** Formats that its matrices are kept in: "bf16", "Q4_1, Q8_0". */
    readonly weights: string,
    private readonly settings: RouterSettings,
    private readonly routerWeights: readonly RouterWeights[],
    /** The file that its routers came from; undefined for those of the checkpoint, and where there are none. */
    readonly routerFile: string | undefined,
    /** What a user should know of its files, in sentences: keys that are not known, tensors that are not used. */
    readonly notes: readonly string[],
    /** Owns decoder and routers. */
    private readonly scope: MemoryScope,
  ) {
    this.#decoder = decoder;
  }

  /**
   * Where several ranks open it, it is open on all of them or on none.
   * @throws the errors of `openModelFiles` and `checkModel`, OutOfMemoryError; InvalidOptionError for a number of ranks that does
   *   not divide the model
   */
  static async open(options: OpenModelOptions): Promise<PretrainedModel> {
    const { ranks } = options;
    if (ranks === undefined) return PretrainedModel.#open(options);
    let model: PretrainedModel;
    try {
      model = await PretrainedModel.#open(options);
    } catch (error) {
      throw settleFailure(ranks, error);
    }
    const failure = settleSuccess(ranks);
    if (failure !== undefined) {
      model[Symbol.dispose]();
      throw failure;
    }
    model.#lead(ranks);
    return model;
  }

  static async #open(options: OpenModelOptions): Promise<PretrainedModel> {
    const { path, backend } = options;
    using opened = options.checked === undefined ? openModelFiles(path) : undefined;
    const { files, adapter, spec, notes } = options.checked ?? checkModel(opened!, options.adapter);
    const { directory, ggufPath, config, checkpoint } = files;
    const own = { spec: spec.elastic, sizes: elasticSizes(config), pooling: parseRouterPooling(config) };
    const dtype = options.dtype ?? (options.weights === "f32" ? "f32" : computeDType(spec));
    using scope = new MemoryScope();
    // What can be refused is refused before the weights are read: they take long.
    const file = routerFileOf({ files, adapter, spec }, { asked: options.routers, knows: options.knownRouters ?? true });
    const { layers, elastic } = file === undefined ? { layers: ownRouters(files, adapter, spec, backend), elastic: undefined } : loadRouterFile(file, adapter, spec, backend, checkpoint);
    for (const layer of layers) scope.track(layer);
    const share = shareOfModel({ checkpoint, adapter, spec }, options.ranks, options.fullShares);
    // What ranks divide need not be whole blocks: their shares are unpacked unless asked for otherwise.
    const weights = options.weights ?? (options.ranks === undefined ? undefined : "unpacked");
    const plan = WeightPlan.of({ ...share, dtype, backend, weights: chosenWeights(weights, options.dtype, backend), quantisation: files.quantisation });
    checkCacheType(backend, spec, dtype, options.cacheType);
    checkMemory(backend, plan, path);
    const decoder = scope.track(await DecoderModel.load({ ...options, ...share, dtype, plan }));
    const { spec: modes, ...settings } = elastic ?? own;
    const told = [...notes, plan.note, decodeGraphNote(backend, spec, dtype), rankNote(decoder)].filter((note) => note !== undefined);
    return new PretrainedModel(directory, ggufPath, config, adapter, { ...spec, elastic: modes }, decoder, plan.text, settings, layers, file, told, scope.move());
  }

  /**
   * A model of some shape with random weights, made where it computes: for measurements. The shares of several ranks are random
   * each by itself. @throws OutOfMemoryError, InvalidOptionError as {@link PretrainedModel.open}
   */
  static random({ sizes = publishedSizes, ...options }: RandomModelOptions & { readonly sizes?: ElasticSizes }): PretrainedModel {
    const { spec, ranks } = options;
    const config = new ModelConfig({ architectures: [spec.architecture] }, "random weights");
    const settings = { sizes, pooling: { kind: "boundary", tokens: 100 } } as const;
    using scope = new MemoryScope();
    const share = ranks === undefined ? spec : shardSpec(spec, shardModel(spec, ranks.size)[ranks.rank]!);
    const decoder = scope.track(DecoderModel.random({ ...options, spec: share }));
    const notes = [rankNote(decoder)].filter((note) => note !== undefined);
    const model = new PretrainedModel("", undefined, config, undefined, spec, decoder, options.dtype, settings, [], undefined, notes, scope.move());
    model.#lead(ranks);
    return model;
  }

  /** Over the backend; its figures are those of a rank's share where several ranks have the model. */
  get decoder(): DecoderModel {
    return this.#decoder;
  }

  /** The first rank is used as if it had all of the model. */
  #lead(ranks: RankGroup | undefined): void {
    if (ranks?.rank === 0) this.#decoder = ledDecoder(this.#decoder, this.scope.track(new RankLeader(ranks)));
  }

  /** Does what the first rank asks for, with this rank's share of the model, until that one gives its model back; blocks the thread. */
  follow(ranks: RankGroup): void {
    const learned = ({ retrievalMode, sparseMode, tieRule }: LearnedRouterDescription) => {
      const router = this.learnedRouter(retrievalMode, sparseMode, tieRule);
      if (router === undefined) throw new UnsupportedRouterError("The first rank's model has routers, this one's has none.", "Give all ranks the same files.");
      return router;
    };
    new RankFollower(ranks, this.#decoder, learned).follow();
  }

  /** Sizes of the sparse modes that its routers were trained for. */
  get sizes(): ElasticSizes {
    return this.settings.sizes;
  }

  get hasLearnedRouter(): boolean {
    return this.routerWeights.length > 0;
  }

  /** The model's own router between two modes; undefined when it has none. Its weights are the model's. */
  learnedRouter(retrievalMode: AttentionMode, sparseMode: AttentionMode, tieRule: "float32" | "bfloat16" = "float32"): LearnedRouter | undefined {
    if (!this.hasLearnedRouter) return undefined;
    const routed = routedLayers(this.spec);
    const layers = this.spec.layers.map((_, layer) => this.routerWeights[routed.indexOf(layer)]);
    return new LearnedRouter({ layers, retrievalMode, sparseMode, tieRule, pooling: this.settings.pooling });
  }

  [Symbol.dispose](): void {
    this.scope.dispose();
  }
}

/** What a user should know of GPUs that do not reach each other. */
function rankNote({ core: { rankProblem } }: DecoderModel): string | undefined {
  return rankProblem === undefined ? undefined : `Sums over the ranks go through the host's memory, which is slow, and steps are not captured as graphs: ${rankProblem}.`;
}

/** Routers of the checkpoint itself; none when it has none. */
function ownRouters(files: ModelFiles, adapter: ModelAdapter, spec: ModelSpec, backend: Backend): readonly RouterWeights[] {
  return hasOwnRouters(files, adapter, spec) ? loadRouters(files.checkpoint, adapter, spec, backend) : [];
}

/** Before weights are read, which take nearly all of it. @throws OutOfMemoryError */
function checkMemory(backend: Backend, { byteLength: needed, text }: WeightPlan, path: string): void {
  const { liveBytes, limitBytes } = backend.memory();
  if (limitBytes === undefined || liveBytes + needed <= limitBytes) return;
  throw new OutOfMemoryError(backend.name, needed, liveBytes, limitBytes, `the weights of ${path} in ${text}`, "Take a smaller model, or a device or limit with more memory.");
}
