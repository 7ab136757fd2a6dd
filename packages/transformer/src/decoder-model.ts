import { MemoryScope, OutOfMemoryError, PromptError, ShapeError } from "@elastic-attention/core";
import { type CacheType, fullKeyValueBytes, type PagePool, type SequenceCache, type StepSequence } from "@elastic-attention/attention";
import { type Backend, cast, type FloatDType, type RankGroup, type Tensor } from "@elastic-attention/tensor";
import type { LoadOptions, PrefillOptions, RandomModelOptions } from "./decoder-options.js";
import { cachedDecodeAttention } from "./decode/cached-decode-attention.js";
import type { DecodeGraph } from "./decode/decode-graph.js";
import { DecodeGraphs } from "./decode/decode-graphs.js";
import { sampleLogits } from "./decode/sample-logits.js";
import type { TokenSampler } from "./decode/token-sampler.js";
import { cachedPass } from "./layer/cached-pass.js";
import { rotaryLengthOf } from "./layer/sequence-batch.js";
import { checkTokens } from "./layer/check-tokens.js";
import { runDecoderLayer } from "./layer/decoder-layer.js";
import type { DecoderWeights } from "./layer/decoder-weights.js";
import { beginForward, type DecoderCore } from "./layer/forward-pass.js";
import { logitsOf } from "./layer/logits.js";
import { ModelRotations } from "./layer/rotation/model-rotations.js";
import { SequenceHistories } from "./layer/rotation/sequence-histories.js";
import { loadWeights } from "./loading/load-weights.js";
import { makeRandomWeights } from "./loading/random-weights.js";
import { type MemoryPrediction, predictMemory } from "./memory/memory-prediction.js";
import { type BatchMemoryOptions, sequenceQuestion } from "./memory/prompt-memory.js";
import { type CacheOptions, SequenceCaches } from "./memory/sequence-caches.js";
import { weightBytes } from "./memory/weight-memory.js";
import type { ModelSpec } from "./model/model-spec.js";
import { joinRanks } from "./parallel/rank-kernels.js";
import { Prefill, type PrefillResult, type PrefillSettings } from "./prefill/prefill.js";
import type { PrefillSequence } from "./prefill/prefill-pass.js";
import { runPrefill } from "./prefill/run-prefill.js";

/** A decoder-only language model on a backend. */
export class DecoderModel implements Disposable {
  /** What another forward pass over the same model shares; it stays this model's. */
  readonly core: DecoderCore;
  readonly #graphs: DecodeGraphs;
  /** Makes the caches of its sequences; it stays this model's. */
  readonly caches: SequenceCaches;

  private constructor(
    readonly backend: Backend,
    readonly spec: ModelSpec,
    /** Type of activations and caches. */
    readonly dtype: FloatDType,
    cacheType: CacheType | undefined,
    weights: DecoderWeights,
    private readonly scope: MemoryScope,
    ranks?: RankGroup,
  ) {
    const rankProblem = ranks === undefined ? undefined : joinRanks(backend, ranks);
    const modelRotations = scope.track(new ModelRotations(backend, spec));
    this.core = { backend, spec, ranks, rankProblem, dtype, weights, modelRotations, histories: new SequenceHistories(spec) };
    this.caches = scope.track(new SequenceCaches(backend, spec, dtype, cacheType));
    this.#graphs = scope.track(new DecodeGraphs(this.core));
  }

  /** Reads and packs all weights; on failure or abort all memory is given back. See `loadWeights` for errors. */
  static async load(options: LoadOptions): Promise<DecoderModel> {
    using scope = new MemoryScope();
    const weights = await loadWeights(options, scope);
    const { backend, spec, dtype, cacheType, ranks } = options;
    return new DecoderModel(backend, spec, dtype, cacheType, weights, scope.move(), ranks);
  }

  /** A model of some shape with random weights, made where it computes: for measurements. @throws OutOfMemoryError */
  static random(options: RandomModelOptions): DecoderModel {
    using scope = new MemoryScope();
    const weights = makeRandomWeights(options, scope);
    const { backend, spec, dtype, cacheType, ranks } = options;
    return new DecoderModel(backend, spec, dtype, cacheType, weights, scope.move(), ranks);
  }

  /** Bytes that the weights take on the backend. */
  get weightBytes(): number {
    return weightBytes(this.core.weights);
  }

  /**
   * Where sequences of this model keep their keys and values in pages. Undefined where the backend has no memory that
   * grows in place; caches then have tensors of their own.
   */
  get pagePool(): PagePool | undefined {
    return this.caches.pool;
  }

  /** An empty cache for one sequence of this model; the caller disposes it. It takes memory when tokens come. */
  createCache(options: CacheOptions = {}): SequenceCache {
    return this.caches.create(options);
  }

  /** A cache that goes on from the tokens of another one; the caller disposes it. @throws OutOfMemoryError, and nothing stays */
  forkCache(cache: SequenceCache): SequenceCache {
    const copy = cache.fork();
    this.core.histories.fork(cache, copy);
    return copy;
  }

  /** Bytes of the keys and values of so many tokens with every head full. */
  fullKeyValueBytes(tokens: number): number {
    return fullKeyValueBytes({ ...keyValueShape(this.spec), dtype: this.dtype, cacheType: this.caches.cacheType }, tokens);
  }

  /**
   * Memory of a prefill of new sequences that are read together. Where a router cannot say how many heads it will make
   * sparse, the prediction takes all of them: what is needed at least.
   */
  predictMemory({ sequences, logitsRows = 1 }: BatchMemoryOptions): MemoryPrediction {
    return predictMemory(this.spec, {
      dtype: this.dtype,
      cacheType: this.caches.cacheType,
      chunkRows: this.backend.device.workSizes.chunkRows,
      readsRoundedCache: this.backend.device.workSizes.readsRoundedCache,
      pageTokens: this.pagePool?.pageTokens,
      weightBytes: this.weightBytes,
      logitsRows,
      sequences: sequences.map((sequence) => sequenceQuestion(this.spec, sequence)),
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
    return await runPrefill(prefill, { onProgress, signal });
  }

  /**
   * A prefill to be run slice by slice; see {@link Prefill}. Nothing is computed yet.
   * @throws PromptError, OutOfMemoryError when it cannot fit whatever is routed
   */
  startPrefill(settings: PrefillSettings): Prefill {
    checkTokens(this.spec, settings.sequences);
    const sequences = settings.sequences.map((sequence) => this.#withReadAgain(sequence));
    this.#admit({ ...settings, sequences });
    for (const { cache, readAgain } of sequences) if (readAgain !== undefined) cache.forgetTokens();
    return new Prefill(this.core, { ...settings, sequences });
  }

  /**
   * One token for each sequence, all in one batch, each by its own plan.
   * @returns f32 [sequences, vocabulary]; the caller disposes it.
   */
  decode(tokens: ArrayLike<number>, caches: readonly SequenceCache[]): Tensor {
    const sequences = oneTokenEach(tokens, caches);
    const graph = this.#graphs.graphFor(sequences);
    return graph === undefined ? this.#runStep(sequences) : this.#stepAndCopy(graph, sequences);
  }

  /**
   * {@link decode}, and the next token of each sequence drawn by its sampler where the logits are: only the tokens come
   * back. Same seed, same text at any batch size.
   * @throws NoFiniteLogitError, OutOfMemoryError
   */
  decodeTokens(tokens: ArrayLike<number>, caches: readonly SequenceCache[], samplers: readonly TokenSampler[]): Int32Array {
    if (samplers.length !== caches.length) throw new ShapeError("decodeTokens: one sampler belongs to each sequence.");
    return this.readStep(oneTokenEach(tokens, caches), (logits) => sampleLogits(logits, samplers));
  }

  /**
   * One step for each sequence: its last token, and a draft of those that may follow, 1 + {@link draftRoom} tokens at most. The
   * first token is counted in its cache. Those of the draft are written behind it, and {@link accept} counts them one by one;
   * the next step overwrites what it did not count.
   *
   * @param read gets the logits f32 [tokens, vocabulary], sequence after sequence; they are gone when it returns
   * @throws OutOfMemoryError, PromptError
   */
  readStep<Result>(sequences: readonly StepSequence[], read: (logits: Tensor) => Result): Result {
    const graph = this.#graphs.graphFor(sequences);
    if (graph !== undefined) return read(this.#step(graph, sequences));
    using logits = this.#runStep(sequences);
    return read(logits);
  }

  /** Tokens that a draft of the next step may have: the context ends somewhere, and so do angles that depend on a sequence's length. */
  draftRoom(cache: SequenceCache): number {
    return Math.max(0, Math.min(this.spec.contextLength - cache.length, this.core.histories.roomOf(cache)) - 1);
  }

  /** Counts the next token of a draft that the last step has written. */
  accept(cache: SequenceCache, token: number): void {
    cache.countWritten(1);
    this.core.histories.add(cache, [token], cache.length);
  }

  /** A step call by call; its logits are the caller's. */
  #runStep(sequences: readonly StepSequence[]): Tensor {
    this.#beginStep(sequences);
    // A step that cannot have its memory fails before it changes a cache.
    for (const { cache, tokens } of sequences) if (cache.length > 0) cache.makeRoom(tokens.length);
    using owned = new MemoryScope();
    using scope = new MemoryScope();
    const pass = beginForward(this.core, sequences, scope, { turning: "one by one" });
    const layers = cachedPass(pass, (layer) => cachedDecodeAttention(pass, layer));
    for (const [layer, weights] of this.core.weights.layers.entries()) runDecoderLayer(layers, weights, layer);
    for (const { cache } of sequences) {
      cache.undoStep(cache.length);
      cache.countWritten(1);
    }
    this.#remember(sequences);
    const logits = owned.track(logitsOf(pass, [[0, pass.batch.numTokens]]));
    scope.dispose();
    owned.move();
    return logits;
  }

  #step(graph: DecodeGraph, sequences: readonly StepSequence[]): Tensor {
    this.#beginStep(sequences);
    const logits = graph.step(sequences);
    this.#remember(sequences);
    return logits;
  }

  /** Refuses what is no token, and reads again what was rotated by angles that the step ends. */
  #beginStep(sequences: readonly StepSequence[]): void {
    checkTokens(this.spec, sequences);
    for (const { cache, tokens } of sequences) {
      if (tokens.length > 1 && tokens.length - 1 > this.draftRoom(cache)) {
        throw new PromptError(`A draft of ${tokens.length - 1} tokens goes beyond what the sequence can take in one step, ${this.draftRoom(cache)}.`, "Ask draftRoom.");
      }
      if (this.core.histories.mustReadAgain(cache, cache.length + 1)) this.#readAgain(cache);
    }
  }

  #remember(sequences: readonly StepSequence[]): void {
    for (const { cache, tokens } of sequences) this.core.histories.add(cache, [tokens[0]!], cache.length);
  }

  /** Logits that the next step does not overwrite; their memory is there before the step begins. */
  #stepAndCopy(graph: DecodeGraph, sequences: readonly StepSequence[]): Tensor {
    const copy = this.backend.allocate([sequences.length, this.spec.vocabularySize], "f32");
    try {
      this.backend.kernels.run(cast, { input: this.#step(graph, sequences), output: copy });
      return copy;
    } catch (error) {
      copy.dispose();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.scope.dispose();
  }

  /** A sequence, with the tokens in front that its cache holds where these are to be read again. */
  #withReadAgain(sequence: PrefillSequence): PrefillSequence {
    const { tokens, cache } = sequence;
    const { histories } = this.core;
    if (!histories.mustReadAgain(cache, rotaryLengthOf(sequence))) return sequence;
    const held = histories.tokensOf(cache);
    return { ...sequence, tokens: [...held, ...Array.from(tokens)], readAgain: held.length };
  }

  /** Reads what a cache holds again, by the angles of a sequence of one token more. @throws OutOfMemoryError */
  #readAgain(cache: SequenceCache): void {
    const tokens = this.core.histories.tokensOf(cache);
    const sequences = [{ tokens, cache, rotaryLength: tokens.length + 1 }];
    this.#admit({ sequences });
    cache.forgetTokens();
    using prefill = new Prefill(this.core, { sequences });
    while (prefill.step());
    prefill.result.logits.dispose();
  }

  /** Refuses what can be known to fail before any work. */
  #admit({ sequences, logitsRows = 1 }: PrefillSettings): void {
    const prompts = sequences.map(({ tokens, cache, router }) => ({ tokens: tokens.length, decode: cache.decode, router }));
    const { requestBytes, keyValueBytes } = this.predictMemory({ sequences: prompts, logitsRows });
    const { liveBytes, limitBytes } = this.backend.memory();
    // Pages that nobody uses are live memory that its keys and values can have.
    const unused = Math.min(keyValueBytes, this.caches.unusedPageBytes);
    if (liveBytes + requestBytes - unused > limitBytes) {
      const rows = prompts.reduce((total, { tokens }) => total + tokens, 0);
      throw new OutOfMemoryError(this.backend.name, requestBytes, liveBytes, limitBytes, `a prefill of ${rows} tokens`);
    }
  }
}

function oneTokenEach(tokens: ArrayLike<number>, caches: readonly SequenceCache[]): StepSequence[] {
  return caches.map((cache, index) => ({ tokens: [tokens[index]!], cache }));
}

const keyValueShape = ({ numLayers, numKeyValueHeads, headDim }: ModelSpec) => ({ numLayers, numKeyValueHeads, headDim });
