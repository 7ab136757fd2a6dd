import { MemoryScope, ShapeError } from "@elastic-attention/core";
import {
  type AttentionMode,
  type AttentionSequence,
  chooseBlocksOfHeads,
  knownPatterns,
  type KnownPatterns,
  type LayerCache,
  trainingPatternOf,
} from "@elastic-attention/attention";
import { decisionsOf, type RouterWeights } from "@elastic-attention/router";
import type { FloatArray, Tensor } from "@elastic-attention/tensor";
import type { ModelSpec } from "../model/model-spec.js";
import type { TrainingBatch } from "./training-batch.js";
import type { GateDecision, TrainingStepOptions } from "./training-step.js";

/** Both outputs of a layer's attention and their log-sum-exp. */
export interface AttentionSides {
  readonly fullOutput: Tensor;
  readonly sparseOutput: Tensor;
  readonly fullLogSumExp: Tensor;
  readonly sparseLogSumExp: Tensor;
}

/** One segment in a layer's dual attention: what its heads read in the sparse mode (`routing`) and in the retrieval mode. */
export interface GatedSequence extends AttentionSequence {
  readonly routing: KnownPatterns;
  readonly retrieval: KnownPatterns;
}

/**
 * What one layer keeps of its first forward pass: its gates, the blocks of modes that choose some, and the outputs of its
 * attention where there is memory for them. A layer that is computed again finds it here.
 */
export class LayerGates implements Disposable {
  /** Gradient of the gates' own term of the objective; known after the forward pass. */
  gateLossGradient: FloatArray | undefined;
  /** Outputs of the attention, once computed; only where `keepsAttention`. */
  keptAttention: AttentionSides | undefined;
  #decision: GateDecision | undefined;
  #gates: FloatArray | undefined;
  #routing: readonly { readonly retrieval: KnownPatterns; readonly routing: KnownPatterns }[] | undefined;
  readonly #scope = new MemoryScope();

  constructor(
    /** Its number among the layers that have routers, and among all. */
    private readonly place: { readonly index: number; readonly layer: number },
    private readonly options: Pick<TrainingStepOptions, "decide" | "retrievalMode" | "sparseMode" | "routers">,
    private readonly spec: ModelSpec,
    private readonly batch: TrainingBatch,
    /** Whether the outputs of the attention are kept for the way back. */
    readonly keepsAttention: boolean,
  ) {}

  /** [segments · kvHeads]; heads that share a decision have the same gate. */
  get gates(): FloatArray {
    return this.#gates!;
  }

  /** The gates; `logits` is asked for the first time only. @throws ShapeError when the relaxation gives another number of them */
  decide(logits: () => FloatArray): FloatArray {
    if (this.#gates === undefined) {
      this.#decision = this.options.decide(this.place.index, logits());
      this.#expectCount(this.#decision.gates, this.#decisions, "gates");
      this.#gates = repeated(this.#decision.gates, this.#headsOfDecision);
    }
    return this.#gates;
  }

  /** Gradient of the router's logits from that of the gates, the gates' own term added. */
  backward(gateGradients: FloatArray): FloatArray {
    if (this.gateLossGradient !== undefined) {
      this.#expectCount(this.gateLossGradient, this.spec.numKeyValueHeads, "gradients of gates");
      for (let i = 0; i < gateGradients.length; i++) gateGradients[i]! += this.gateLossGradient[i]!;
    }
    const gradient = this.#decision!.backward(sums(gateGradients, this.#headsOfDecision));
    this.#expectCount(gradient, this.#decisions * this.#router.classes, "gradients of router logits");
    return gradient;
  }

  /** The sequences of a dual attention call; modes that choose blocks choose them the first time, for all heads. */
  sequences(query: Tensor, caches: readonly LayerCache[], scale: number): GatedSequence[] {
    const { retrievalMode, sparseMode } = this.options;
    const segments = this.batch.segments;
    this.#routing ??= segments.map(([start, end], index) => {
      const rows = query.rows(start, end);
      const routingOf = (mode: AttentionMode) => this.#choose(mode, rows, caches[index]!, scale);
      return { retrieval: routingOf(retrievalMode), routing: routingOf(sparseMode) };
    });
    return segments.map(([start, end], index) => ({ start, length: end - start, cache: caches[index]!, ...this.#routing![index]! }));
  }

  /**
   * The sequences of the attention that the gates chose, each head by its own pattern; undefined where no single call
   * can say it: gates between 0 and 1, or both modes choosing blocks.
   */
  chosen(sequences: readonly GatedSequence[]): AttentionSequence[] | undefined {
    const { gates } = this;
    if (!gates.every((gate: number) => gate === 0 || gate === 1)) return undefined;
    if (sequences.some(({ routing, retrieval }) => routing.mask !== undefined && retrieval.mask !== undefined)) return undefined;
    return sequences.map(({ start, length, cache, routing, retrieval }, segment) => {
      const isRetrieval = (head: number) => gates[segment * cache.numKeyValueHeads + head] === 1;
      const patterns = routing.patterns.map((sparse, head) => (isRetrieval(head) ? retrieval.patterns[head]! : sparse));
      return { start, length, cache, routing: knownPatterns(patterns, routing.mask ?? retrieval.mask) };
    });
  }

  /** Gives the outputs of the attention back; nothing of the layer is needed after its way back. */
  releaseAttention(): void {
    for (const tensor of Object.values(this.keptAttention ?? {}) as Tensor[]) tensor.dispose();
    this.keptAttention = undefined;
  }

  [Symbol.dispose](): void {
    this.releaseAttention();
    this.#scope.dispose();
  }

  /** Every head in one mode. */
  #choose(mode: AttentionMode, query: Tensor, cache: LayerCache, scale: number): KnownPatterns {
    const modes = Array.from({ length: this.spec.numKeyValueHeads }, () => mode);
    const patterns = modes.map(trainingPatternOf);
    const mask = chooseBlocksOfHeads(modes, patterns, { layer: this.place.layer, query, cache, scale, softCap: this.spec.attentionSoftCap });
    return knownPatterns(patterns, mask === undefined ? undefined : this.#scope.track(mask));
  }

  get #router(): RouterWeights {
    return this.options.routers[this.place.index]!;
  }

  /** Decisions about each segment. */
  get #decisions(): number {
    return decisionsOf(this.#router, this.spec.numKeyValueHeads);
  }

  get #headsOfDecision(): number {
    return this.spec.numKeyValueHeads / this.#decisions;
  }

  #expectCount(values: FloatArray, perSegment: number, what: string): void {
    const expected = this.batch.numSegments * perSegment;
    if (values.length !== expected) throw new ShapeError(`Layer ${this.place.layer}: ${expected} ${what} expected, found ${values.length}.`);
  }
}

/** Every value `times` times. */
function repeated(values: FloatArray, times: number): FloatArray {
  if (times === 1) return values;
  const result = zerosLike(values, values.length * times);
  for (let i = 0; i < result.length; i++) result[i] = values[Math.floor(i / times)]!;
  return result;
}

/** Sums of every `count` neighbours: the gradient of {@link repeated}. */
function sums(values: FloatArray, count: number): FloatArray {
  if (count === 1) return values;
  const result = zerosLike(values, values.length / count);
  for (const [i, value] of values.entries()) result[Math.floor(i / count)]! += value;
  return result;
}

function zerosLike(values: FloatArray, length: number): FloatArray {
  return values instanceof Float64Array ? new Float64Array(length) : new Float32Array(length);
}
