import { setImmediate } from "node:timers/promises";
import type { AttentionMode, BlockCount, SequenceCache } from "@elastic-attention/attention";
import type { AttentionObserver } from "@elastic-attention/router";
import {
  type Backend,
  cast,
  embedding,
  type FloatDType,
  linear,
  MemoryScope,
  OutOfMemoryError,
  rmsNorm,
  type SafetensorsCheckpoint,
  ShapeError,
  type Tensor,
} from "@elastic-attention/tensor";
import { attentionBlock, type AttentionContext } from "./attention-block.js";
import type { DecoderWeights } from "./decoder-weights.js";
import { loadWeights } from "./load-weights.js";
import { defaultChunkRows, predictPrefillMemory } from "./memory-prediction.js";
import { mlpBlock } from "./mlp-block.js";
import type { ModelAdapter } from "./model-adapter.js";
import type { ModelSpec } from "./model-spec.js";
import { PromptError } from "./prompt-error.js";
import { RotaryTable } from "./rotary-table.js";
import { sampleLogits } from "./sample-logits.js";
import { layOut, type PrefillSequence, type SequenceBatch } from "./sequence-batch.js";
import type { TokenSampler } from "./token-sampler.js";
import { Workspace } from "./workspace.js";

export interface LoadOptions {
  readonly backend: Backend;
  readonly checkpoint: SafetensorsCheckpoint;
  readonly adapter: ModelAdapter;
  readonly spec: ModelSpec;
  /** Type of activations, weights and cache. */
  readonly dtype: FloatDType;
  /** Rounds rope tables to bf16 like the published bf16 models. Default false. */
  readonly roundRotaryTables?: boolean;
  readonly onProgress?: (layersDone: number, layersTotal: number) => void;
  readonly signal?: AbortSignal;
}

export interface PrefillOptions {
  readonly sequences: readonly PrefillSequence[];
  /** Rows of logits for each sequence, counted from its end; default 1, at most its tokens. */
  readonly logitsRows?: number;
  readonly observer?: AttentionObserver;
  readonly onProgress?: (layersDone: number, layersTotal: number) => void;
  readonly signal?: AbortSignal;
}

/** Routing of one sequence over all layers. */
export interface SequenceRouting {
  /** [layer][kvHead]. */
  readonly modes: readonly (readonly AttentionMode[])[];
  /** [layer][kvHead]: 0 is the retrieval mode. */
  readonly assignment: readonly (readonly number[])[];
  /** One for each layer, summed over heads. */
  readonly blocks: readonly BlockCount[];
}

export interface PrefillResult {
  /** f32 [rows, vocabulary]: the last `logitsRows` rows of each sequence, in order. The caller disposes it. */
  readonly logits: Tensor;
  readonly routing: readonly SequenceRouting[];
}

/** A decoder-only language model on a backend. */
export class DecoderModel implements Disposable {
  readonly #rotary: RotaryTable;

  private constructor(
    readonly backend: Backend,
    readonly spec: ModelSpec,
    readonly dtype: FloatDType,
    private readonly weights: DecoderWeights,
    private readonly scope: MemoryScope,
    roundRotaryTables: boolean,
  ) {
    this.#rotary = scope.track(new RotaryTable(backend, spec.rope, spec.headDim, roundRotaryTables));
  }

  /** Reads and packs all weights; on failure or abort all memory is given back. See `loadWeights` for errors. */
  static async load(options: LoadOptions): Promise<DecoderModel> {
    using scope = new MemoryScope();
    const weights = await loadWeights(options, scope);
    const { backend, spec, dtype, roundRotaryTables = false } = options;
    return new DecoderModel(backend, spec, dtype, weights, scope.move(), roundRotaryTables);
  }

  /**
   * Runs whole prompts layer by layer. New sequences are routed; a sequence whose cache already holds tokens goes on
   * under its plan. Between layers the event loop gets a turn and `signal` is obeyed.
   *
   * On any failure the caches of all sequences are emptied.
   * @throws PromptError before any work, OutOfMemoryError, the signal's reason
   */
  async prefill(options: PrefillOptions): Promise<PrefillResult> {
    this.#admit(options.sequences);
    try {
      return await this.#prefill(options);
    } catch (error) {
      for (const { cache } of options.sequences) cache.dispose();
      throw error;
    }
  }

  /**
   * One token for each sequence, all in one batch, each by its own plan.
   * @returns f32 [sequences, vocabulary]; the caller disposes it.
   */
  decode(tokens: ArrayLike<number>, caches: readonly SequenceCache[]): Tensor {
    const sequences = caches.map((cache, index) => ({ tokens: [tokens[index]!], cache }));
    this.#admit(sequences);
    using scope = new MemoryScope();
    const context = this.#begin(sequences, scope);
    for (const [layer, weights] of this.weights.layers.entries()) {
      attentionBlock(context, weights, layer, "decode");
      for (const chunk of context.workspace.chunks()) mlpBlock(this.backend, this.spec, weights, context.workspace, chunk);
    }
    for (const cache of caches) cache.advance(1);
    return this.#logits(context, 1);
  }

  /**
   * {@link decode}, and the next token of each sequence drawn by its sampler where the logits are: only the tokens come
   * back. Same seed, same text at any batch size.
   * @throws NoFiniteLogitError, OutOfMemoryError
   */
  decodeTokens(tokens: ArrayLike<number>, caches: readonly SequenceCache[], samplers: readonly TokenSampler[]): Int32Array {
    if (samplers.length !== caches.length) throw new ShapeError("decodeTokens: one sampler belongs to each sequence.");
    using logits = this.decode(tokens, caches);
    return sampleLogits(logits, samplers);
  }

  [Symbol.dispose](): void {
    this.scope.dispose();
  }

  async #prefill(options: PrefillOptions): Promise<PrefillResult> {
    const { sequences, signal, onProgress, observer, logitsRows = 1 } = options;
    using scope = new MemoryScope();
    const context = { ...this.#begin(sequences, scope), ...(observer === undefined ? {} : { observer }) };
    const { batch, workspace } = context;
    const routing = sequences.map(() => ({
      modes: [] as (readonly AttentionMode[])[],
      assignment: [] as (readonly number[])[],
      blocks: [] as BlockCount[],
    }));
    for (const [layer, weights] of this.weights.layers.entries()) {
      signal?.throwIfAborted();
      const result = attentionBlock(context, weights, layer, "prefill")!;
      for (const chunk of workspace.chunks()) {
        signal?.throwIfAborted();
        mlpBlock(this.backend, this.spec, weights, workspace, chunk);
      }
      for (const [index, cache] of batch.caches.entries()) {
        cache.settle(layer, result.modes[index]!);
        routing[index]!.modes.push(result.modes[index]!);
        routing[index]!.assignment.push(result.assignment[index]!);
        routing[index]!.blocks.push(result.blocks[index]!);
      }
      onProgress?.(layer + 1, this.weights.layers.length);
      await setImmediate();
    }
    for (const { cache, tokens } of sequences) cache.advance(tokens.length);
    return { logits: this.#logits(context, logitsRows), routing };
  }

  /** Everything that can be known before any work: empty or overlong prompts, foreign token ids, memory. */
  #admit(sequences: readonly PrefillSequence[]): void {
    const { contextLength, vocabularySize } = this.spec;
    for (const { tokens, cache } of sequences) {
      if (tokens.length === 0) throw new PromptError("The prompt is empty.", "Give at least one token.");
      const total = cache.length + tokens.length;
      if (total > contextLength) {
        throw new PromptError(
          `The sequence would have ${total} tokens; the model's context is ${contextLength}.`,
          "Shorten the prompt or choose a model with a longer context.",
        );
      }
      for (let i = 0; i < tokens.length; i++) {
        const id = tokens[i]!;
        if (!(Number.isInteger(id) && id >= 0 && id < vocabularySize)) {
          throw new PromptError(`Token id ${id} at position ${i} is outside the vocabulary of ${vocabularySize}.`);
        }
      }
    }
    const rows = sequences.reduce((sum, { tokens }) => sum + tokens.length, 0);
    const { activationBytes, fullCacheBytes } = predictPrefillMemory(this.spec, this.dtype, rows);
    const { liveBytes } = this.backend.memory();
    const { memoryBytes } = this.backend.device;
    if (liveBytes + activationBytes + fullCacheBytes > memoryBytes) {
      throw new OutOfMemoryError(this.backend.name, activationBytes + fullCacheBytes, liveBytes, memoryBytes);
    }
  }

  #begin(sequences: readonly PrefillSequence[], scope: MemoryScope): AttentionContext {
    const { backend, spec, dtype } = this;
    const batch: SequenceBatch = layOut(backend, sequences);
    scope.track(batch.ids);
    scope.track(batch.positions);
    const workspace = scope.track(new Workspace(backend, spec, dtype, batch.numTokens, defaultChunkRows));
    backend.kernels.run(embedding, { ids: batch.ids, table: this.weights.embedding, output: workspace.hidden });
    return { backend, spec, batch, workspace, rotaryTable: this.#rotary };
  }

  /** Final norm and output projection of the last rows of each sequence. */
  #logits({ batch, workspace }: AttentionContext, rowsPerSequence: number): Tensor {
    const { backend, spec, weights } = this;
    const ranges = batch.caches.map((_, index) => {
      const end = batch.offsets[index + 1]!;
      return [Math.max(batch.offsets[index]!, end - rowsPerSequence), end] as const;
    });
    const numRows = ranges.reduce((sum, [start, end]) => sum + end - start, 0);
    using rows = backend.allocate([numRows, spec.hiddenSize], this.dtype);
    let at = 0;
    for (const [start, end] of ranges) {
      backend.kernels.run(cast, { input: workspace.hidden.rows(start, end), output: rows.rows(at, at + end - start) });
      at += end - start;
    }
    backend.kernels.run(rmsNorm, { input: rows, weight: weights.finalNorm, epsilon: spec.rmsNormEpsilon, output: rows });
    const logits = backend.allocate([numRows, spec.vocabularySize], "f32");
    try {
      backend.kernels.run(linear, { input: rows, ...weights.output, output: logits });
      return logits;
    } catch (error) {
      logits.dispose();
      throw error;
    }
  }
}
