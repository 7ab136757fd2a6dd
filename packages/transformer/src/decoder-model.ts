import { setImmediate } from "node:timers/promises";
import { MemoryScope, OutOfMemoryError, ShapeError } from "@elastic-attention/core";
import { type DecodePolicy, PagePool, type SequenceCache } from "@elastic-attention/attention";
import type { Router } from "@elastic-attention/router";
import { type Backend, cast, type Checkpoint, type Fence, type FloatDType, type Tensor } from "@elastic-attention/tensor";
import { attentionBlock } from "./attention-block.js";
import { DecodeGraph, decodeGraphProblems, slotsFor } from "./decode-graph.js";
import { beginForward, checkTokens, type DecoderCore, lastLogits } from "./decoder-core.js";
import { type DecoderWeights, weightBytes } from "./decoder-weights.js";
import { loadWeights } from "./load-weights.js";
import { type MemoryPrediction, predictMemory } from "./memory-prediction.js";
import { mlpBlock } from "./mlp-block.js";
import type { ModelAdapter } from "./model-adapter.js";
import type { ModelSpec } from "./model-spec.js";
import { Prefill, type PrefillResult, type PrefillSettings } from "./prefill.js";
import { makeRandomWeights } from "./random-weights.js";
import { RotaryTable } from "./rotary-table.js";
import { sampleLogits } from "./sample-logits.js";
import type { PrefillSequence } from "./sequence-batch.js";
import type { TokenSampler } from "./token-sampler.js";

export interface LoadOptions {
  readonly backend: Backend;
  readonly checkpoint: Checkpoint;
  readonly adapter: ModelAdapter;
  readonly spec: ModelSpec;
  /** Type of activations, weights and cache. */
  readonly dtype: FloatDType;
  /** Rounds rope tables to bf16 like the published bf16 models. Default false. */
  readonly roundRotaryTables?: boolean;
  readonly onProgress?: (layersDone: number, layersTotal: number) => void;
  readonly signal?: AbortSignal;
}

export interface RandomModelOptions {
  readonly backend: Backend;
  readonly spec: ModelSpec;
  readonly dtype: FloatDType;
  /** Default 1. */
  readonly seed?: number;
}

/** A prompt whose memory is asked for. */
export interface PromptMemoryOptions {
  readonly tokens: number;
  /** Default 0. */
  readonly reserveTokens?: number;
  readonly decode?: DecodePolicy;
  /** Decides the modes; none: every head full. */
  readonly router?: Router | undefined;
  /** Share of sparse heads; default: what the router says of itself. */
  readonly sparsity?: number | undefined;
}

export interface PrefillOptions extends PrefillSettings {
  readonly onProgress?: (layersDone: number, layersTotal: number) => void;
  readonly signal?: AbortSignal;
}

/** A decoder-only language model on a backend. */
export class DecoderModel implements Disposable {
  readonly #core: DecoderCore;
  readonly #graphs = new Map<PagePool, Map<number, DecodeGraph>>();
  #pool: PagePool | undefined;

  private constructor(
    readonly backend: Backend,
    readonly spec: ModelSpec,
    readonly dtype: FloatDType,
    weights: DecoderWeights,
    private readonly scope: MemoryScope,
    roundRotaryTables: boolean,
  ) {
    const rotaryTable = scope.track(new RotaryTable(backend, spec.rope, spec.headDim, spec.contextLength, roundRotaryTables));
    this.#core = { backend, spec, dtype, weights, rotaryTable };
  }

  /** Reads and packs all weights; on failure or abort all memory is given back. See `loadWeights` for errors. */
  static async load(options: LoadOptions): Promise<DecoderModel> {
    using scope = new MemoryScope();
    const weights = await loadWeights(options, scope);
    const { backend, spec, dtype, roundRotaryTables = false } = options;
    return new DecoderModel(backend, spec, dtype, weights, scope.move(), roundRotaryTables);
  }

  /** A model of some shape with random weights, made where it computes: for measurements. @throws OutOfMemoryError */
  static random({ backend, spec, dtype, seed = 1 }: RandomModelOptions): DecoderModel {
    using scope = new MemoryScope();
    const weights = makeRandomWeights(backend, spec, dtype, seed, scope);
    return new DecoderModel(backend, spec, dtype, weights, scope.move(), false);
  }

  /** Bytes that the weights take on the backend. */
  get weightBytes(): number {
    return weightBytes(this.#core.weights);
  }

  /**
   * Memory of a prefill of one new sequence here. Where a router cannot say how many heads it will make sparse, the
   * prediction takes all of them: what is needed at least.
   */
  predictMemory({ router, sparsity, ...prompt }: PromptMemoryOptions): MemoryPrediction {
    const { numLayers, numKeyValueHeads } = this.spec;
    const [retrievalMode, sparseMode] = router?.modes ?? [];
    const known = sparsity === undefined ? router?.expectedSparseHeads?.(numLayers, numKeyValueHeads) : undefined;
    return predictMemory(this.spec, {
      ...prompt,
      dtype: this.dtype,
      chunkRows: this.backend.device.workSizes.chunkRows,
      weightBytes: this.weightBytes,
      ...(retrievalMode === undefined ? {} : { retrievalMode }),
      ...(sparseMode === undefined ? {} : { sparseMode, sparseHeads: known, sparsity: sparsity ?? 1 }),
    });
  }

  /**
   * Runs whole prompts layer by layer. New sequences are routed; a sequence whose cache already holds tokens goes on
   * under its plan. Between layers the event loop gets a turn and `signal` is obeyed.
   *
   * On any failure the caches of all sequences are emptied.
   * @throws PromptError before any work, OutOfMemoryError, the signal's reason
   */
  async prefill({ onProgress, signal, ...settings }: PrefillOptions): Promise<PrefillResult> {
    using prefill = this.startPrefill(settings);
    const fences: Fence[] = [];
    let layersDone = 0;
    while (prefill.step()) {
      signal?.throwIfAborted();
      if (prefill.layersDone === layersDone) continue;
      layersDone = prefill.layersDone;
      // On a GPU the calls of a layer return long before its work is done: one layer ahead is enough, and an abort
      // then ends within one.
      fences.push(prefill.fence());
      if (fences.length > 1) await fences.shift()!.wait();
      onProgress?.(layersDone, prefill.layersTotal);
      await setImmediate();
      signal?.throwIfAborted();
    }
    return prefill.result;
  }

  /**
   * A prefill to be run slice by slice; see {@link Prefill}. Nothing is computed yet.
   * @throws PromptError, OutOfMemoryError when it cannot fit whatever is routed
   */
  startPrefill(settings: PrefillSettings): Prefill {
    this.#admit(settings.sequences);
    return new Prefill(this.#core, settings);
  }

  /**
   * One token for each sequence, all in one batch, each by its own plan.
   * @returns f32 [sequences, vocabulary]; the caller disposes it.
   */
  decode(tokens: ArrayLike<number>, caches: readonly SequenceCache[]): Tensor {
    const graph = this.#graphFor(caches);
    if (graph !== undefined) return this.#stepAndCopy(graph, tokens, caches);
    const sequences = caches.map((cache, index) => ({ tokens: [tokens[index]!], cache }));
    checkTokens(this.spec, sequences);
    // A step that cannot have its memory fails before it changes a cache.
    for (const cache of caches) if (cache.length > 0) cache.makeRoom(1);
    using scope = new MemoryScope();
    const context = beginForward(this.#core, sequences, scope);
    for (const [layer, weights] of this.#core.weights.layers.entries()) {
      attentionBlock(context, weights, layer);
      for (const chunk of context.workspace.chunks()) mlpBlock(this.backend, this.spec, weights, context.workspace, chunk);
    }
    for (const cache of caches) cache.advance(1);
    return lastLogits(this.#core, context, 1);
  }

  /**
   * {@link decode}, and the next token of each sequence drawn by its sampler where the logits are: only the tokens come
   * back. Same seed, same text at any batch size.
   * @throws NoFiniteLogitError, OutOfMemoryError
   */
  decodeTokens(tokens: ArrayLike<number>, caches: readonly SequenceCache[], samplers: readonly TokenSampler[]): Int32Array {
    if (samplers.length !== caches.length) throw new ShapeError("decodeTokens: one sampler belongs to each sequence.");
    const graph = this.#graphFor(caches);
    if (graph !== undefined) return sampleLogits(this.#step(graph, tokens, caches), samplers);
    using logits = this.decode(tokens, caches);
    return sampleLogits(logits, samplers);
  }

  /** What another forward pass over the same model shares; it stays this model's. */
  get core(): DecoderCore {
    return this.#core;
  }

  /**
   * Where sequences of this model keep their keys and values in pages: give it to their caches. Undefined where the backend
   * has no memory that grows in place; caches then have tensors of their own.
   */
  get pagePool(): PagePool | undefined {
    const { backend, dtype, spec } = this;
    if (backend.reserve === undefined) return undefined;
    return (this.#pool ??= this.scope.track(new PagePool({ backend, headDim: spec.headDim, dtype })));
  }

  /** The graph for a batch whose caches share a pool and hold a prompt each; undefined where none can be had. */
  #graphFor(caches: readonly SequenceCache[]): DecodeGraph | undefined {
    const { backend, dtype, spec } = this;
    const pool = caches[0]?.pool;
    if (pool === undefined || caches.some((cache) => cache.pool !== pool || cache.length === 0)) return undefined;
    let graphs = this.#graphs.get(pool);
    if (graphs === undefined) {
      if (decodeGraphProblems(backend, pool, spec, dtype).length > 0) return undefined;
      this.#graphs.set(pool, (graphs = new Map<number, DecodeGraph>()));
    }
    const slots = slotsFor(caches.length);
    const known = graphs.get(slots);
    if (known !== undefined) return known;
    const graph = this.scope.track(new DecodeGraph({ ...this.#core, pool }, slots));
    graphs.set(slots, graph);
    return graph;
  }

  #step(graph: DecodeGraph, tokens: ArrayLike<number>, caches: readonly SequenceCache[]): Tensor {
    checkTokens(this.spec, caches.map((cache, index) => ({ tokens: [tokens[index]!], cache })));
    return graph.step(tokens, caches);
  }

  /** Logits that the next step does not overwrite; their memory is there before the step begins. */
  #stepAndCopy(graph: DecodeGraph, tokens: ArrayLike<number>, caches: readonly SequenceCache[]): Tensor {
    const copy = this.backend.allocate([caches.length, this.spec.vocabularySize], "f32");
    try {
      this.backend.kernels.run(cast, { input: this.#step(graph, tokens, caches), output: copy });
      return copy;
    } catch (error) {
      copy.dispose();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.scope.dispose();
  }

  /** Everything that can be known before any work: empty or overlong prompts, foreign token ids, memory. */
  #admit(sequences: readonly PrefillSequence[]): void {
    checkTokens(this.spec, sequences);
    let [needed, rows] = [0, 0];
    for (const { tokens, cache, router } of sequences) {
      rows += tokens.length;
      needed += this.predictMemory({ tokens: tokens.length, decode: cache.decode, router }).requestBytes;
    }
    const { liveBytes, limitBytes } = this.backend.memory();
    if (liveBytes + needed > limitBytes) {
      throw new OutOfMemoryError(this.backend.name, needed, liveBytes, limitBytes, `a prefill of ${rows} tokens`);
    }
  }
}
