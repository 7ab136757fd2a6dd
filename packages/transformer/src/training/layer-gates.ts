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
  #gates: GateDecision | undefined;
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

  get gates(): FloatArray {
    return this.#gates!.gates;
  }

  /** The gates; `logits` is asked for the first time only. @throws ShapeError when the relaxation gives another number of them */
  decide(logits: () => FloatArray): FloatArray {
    if (this.#gates === undefined) {
      const decision = this.options.decide(this.place.index, logits());
      this.#expectCount(decision.gates, 1, "gates");
      this.#gates = decision;
    }
    return this.#gates.gates;
  }

  /** Gradient of the router's logits from that of the gates, the gates' own term added. */
  backward(gateGradients: FloatArray): FloatArray {
    if (this.gateLossGradient !== undefined) {
      this.#expectCount(this.gateLossGradient, 1, "gradients of gates");
      for (let i = 0; i < gateGradients.length; i++) gateGradients[i]! += this.gateLossGradient[i]!;
    }
    const gradient = this.#gates!.backward(gateGradients);
    this.#expectCount(gradient, this.options.routers[this.place.index]!.classes, "gradients of router logits");
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

  #expectCount(values: FloatArray, perGate: number, what: string): void {
    const expected = this.batch.numSegments * this.spec.numKeyValueHeads * perGate;
    if (values.length !== expected) throw new ShapeError(`Layer ${this.place.layer}: ${expected} ${what} expected, found ${values.length}.`);
  }
}
