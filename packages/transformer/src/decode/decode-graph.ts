import { MemoryScope } from "@elastic-attention/core";
import {
  type AttentionScores,
  decodeAttention,
  DecodeBatch,
  decodePlanBytes,
  type PagePool,
  planDecode,
  prepareDecode,
  type StepPages,
  stepRows,
  type StepSequence,
  tokensOfGroups,
} from "@elastic-attention/attention";
import type { Backend, DType, FloatDType, Graph, KernelRegistry, Operation, Tensor } from "@elastic-attention/tensor";
import { attentionScores, normalizeHeads } from "../layer/attend-heads.js";
import { type LayerPass, runDecoderLayer } from "../layer/decoder-layer.js";
import type { LayerWeights } from "../layer/decoder-weights.js";
import { embedTokens } from "../layer/embed-tokens.js";
import { type DecoderCore, runnerOf } from "../layer/forward-pass.js";
import { projectLogits } from "../layer/logits.js";
import { splitHeads } from "../layer/fused-heads.js";
import { Workspace } from "../memory/workspace.js";
import { outputRows } from "../parallel/model-shard.js";
import type { ModelSpec } from "../model/model-spec.js";
import { haveSameTables, type LayerRotations, rotationShapes, StepRotations } from "./step-rotations.js";

/** What decode steps of one model share. */
export interface DecodeGraphContext extends DecoderCore {
  readonly pool: PagePool;
}

/**
 * Decode steps of up to `slots` tokens. Everything that changes from step to step goes into tables at fixed places, so
 * that a step is one graph, captured at the second step and replayed from then on.
 */
export class DecodeGraph implements Disposable {
  readonly #scope = new MemoryScope();
  readonly #batch: DecodeBatch;
  readonly #workspace: Workspace;
  readonly #logits: Tensor;
  /** A rank's columns of the logits; the logits themselves where the model is whole. */
  readonly #share: Tensor;
  readonly #rotations: StepRotations;
  #graph: Graph | undefined;
  /** Of the step that the graph was recorded for, or that was run before there is one. */
  #recorded: LayerRotations | undefined;
  /** Where heads choose pages, as the graph reads it. */
  #pages: StepPages | undefined;

  /** @throws OutOfMemoryError */
  constructor(
    private readonly context: DecodeGraphContext,
    readonly slots: number,
    /** Whether it is for steps in which sequences bring several tokens; it serves all. */
    severalTokens = false,
  ) {
    const { backend, spec, dtype, pool, ranks, modelRotations } = context;
    const { numLayers, numKeyValueHeads, vocabularySize } = spec;
    const tokensTogether = severalTokens ? Math.min(slots, tokensOfGroups(spec.numQueryHeads / numKeyValueHeads)) : 1;
    try {
      const planBytes = backend.kernels.run(decodePlanBytes, { slots, numLayers, numKeyValueHeads });
      this.#batch = this.#scope.track(new DecodeBatch({ backend, pool, slots, numLayers, numKeyValueHeads, planBytes, tokensTogether }));
      this.#workspace = this.#scope.track(new Workspace(backend, spec, dtype, slots, slots));
      this.#logits = this.#scope.track(backend.allocate([slots, vocabularySize], "f32"));
      this.#share = ranks === undefined ? this.#logits : this.#scope.track(backend.allocate([slots, outputRows(spec)], "f32"));
      this.#rotations = this.#scope.track(new StepRotations(modelRotations, slots));
    } catch (error) {
      this.#scope.dispose();
      throw error;
    }
  }

  /**
   * One step; of each sequence the first token is counted.
   * @returns f32 [tokens, vocabulary], a view that the next step overwrites.
   * @throws OutOfMemoryError before the step; the caches are as they were then
   */
  step(sequences: readonly StepSequence[]): Tensor {
    const { backend } = this.context;
    const lengths = stepRows(sequences).map(({ position }) => position + 1);
    const rotations = this.#rotations.update(lengths);
    this.#batch.update(sequences);
    const { pages } = this.#batch;
    if (this.#recorded === undefined) {
      // The first step loads kernels and chooses algorithms, which cannot be recorded.
      this.#run(rotations);
    } else {
      if (this.#graph === undefined || pages !== this.#pages || !haveSameTables(this.#recorded, rotations)) {
        this.#graph?.[Symbol.dispose]();
        this.#graph = undefined;
        this.#graph = backend.capture?.(() => this.#run(rotations));
      }
      if (this.#graph === undefined) this.#run(rotations);
      else this.#graph.replay();
    }
    this.#recorded = rotations;
    this.#pages = pages;
    for (const { cache } of sequences) cache.countWritten(1);
    return this.#logits.rows(0, lengths.length);
  }

  [Symbol.dispose](): void {
    this.#graph?.[Symbol.dispose]();
    this.#graph = undefined;
    this.#scope.dispose();
  }

  #run(rotations: LayerRotations): void {
    const { backend, spec, weights } = this.context;
    const { kernels } = backend;
    const { hidden } = this.#workspace;
    kernels.run(planDecode, { batch: this.#batch });
    embedTokens(kernels, this.context, this.#batch.ids, hidden);
    const pass = this.#pass(rotations);
    for (const [layer, layerWeights] of weights.layers.entries()) runDecoderLayer(pass, layerWeights, layer);
    projectLogits(pass.runner, spec, weights, { hidden, normed: this.#workspace.normed(this.slots), logits: this.#logits, share: this.#share });
  }

  /** Layers whose heads are prepared and attend by two kernels, which read what changes from step to step from the batch. */
  #pass(rotations: LayerRotations): LayerPass {
    const { backend, spec } = this.context;
    const { numQueryHeads, headDim } = spec;
    const { epsilon } = spec.norm;
    const { kernels } = backend;
    const { hidden, queryKeyValue, attention, chunks } = this.#workspace;
    const [batch, slots, scratch] = [this.#batch, this.slots, this.#workspace];
    const runner = runnerOf(this.context);
    // A norm over several heads is a kernel of its own; one of each head's vector is part of what prepares it.
    const headNorms = (weights: LayerWeights) => {
      const { queryNorm, keyNorm } = weights;
      if (spec.queryKeyNorm !== "projection") return { queryNorm, keyNorm };
      const { query, key } = splitHeads(queryKeyValue, spec);
      normalizeHeads(kernels, spec, query, queryNorm);
      normalizeHeads(kernels, spec, key, keyNorm);
      return {};
    };
    return {
      spec,
      runner,
      scratch,
      stream: { before: hidden, between: hidden, after: hidden },
      chunks,
      queryKeyValue,
      part: (_inputs, _output, body) => body(runner, scratch),
      *attend(weights, layer) {
        const norms = headNorms(weights);
        kernels.run(prepareDecode, { batch, layer, queryKeyValue, numQueryHeads, headDim, ...norms, epsilon, rotation: rotations[layer] });
        const query = queryKeyValue.columns(0, numQueryHeads * headDim).reshape([slots, numQueryHeads, headDim]);
        kernels.run(decodeAttention, { batch, layer, query, output: attention.reshape(query.shape), choosesPages: batch.pages !== undefined, ...attentionScores(spec, weights) });
        yield "attention";
        return attention;
      },
    };
  }
}

/** Slots of the graph that serves a step: few sizes, so that few graphs are kept. */
export function slotsFor(tokens: number): number {
  if (tokens <= 8) return 2 ** Math.ceil(Math.log2(Math.max(1, tokens)));
  const unit = tokens <= 64 ? 8 : 32;
  return Math.ceil(tokens / unit) * unit;
}

/** What a user should know where a device could capture decode steps and does not for this model; undefined elsewhere. */
export function decodeGraphNote({ capture, kernels, device }: Pick<Backend, "capture" | "kernels" | "device">, spec: ModelSpec, dtype: FloatDType): string | undefined {
  // Who computes in float32 wants its figures, not its speed. On the host only some batches are captured anyway, and little is lost.
  const isSlow = capture !== undefined && dtype !== "f32" && device.workSizes.emptyDecodeRows !== false;
  const problems = isSlow ? stepProblems(kernels, spec, dtype) : [];
  return problems.length === 0 ? undefined : `Decode steps run kernel by kernel and not as captured graphs, which is slower: ${problems.join("; ")}.`;
}

/**
 * Why decode steps on these caches cannot run as graphs; empty when they can.
 *
 * @param choosesPages whether heads choose pages by their queries
 */
export function decodeGraphProblems(backend: Backend, pool: PagePool | undefined, spec: ModelSpec, dtype: FloatDType, choosesPages = false): readonly string[] {
  if (backend.capture === undefined) return [`the ${backend.name} backend captures no graphs`];
  if (pool === undefined) return ["there is no page pool"];
  return stepProblems(backend.kernels, spec, dtype, choosesPages);
}

/** Why the kernels of a step refuse this model; they ask for shapes and types only. */
function stepProblems(kernels: KernelRegistry, spec: ModelSpec, dtype: FloatDType, choosesPages = false): readonly string[] {
  const { numQueryHeads, numKeyValueHeads, headDim } = spec;
  const tensor = (shape: readonly number[], of: DType = dtype) => ({ shape, dtype: of, numRows: shape[0], rowLength: shape[1] }) as unknown as Tensor;
  const batch = { options: { pool: { options: { dtype } }, slots: 1, numKeyValueHeads } } as unknown as DecodeBatch;
  const query = tensor([1, numQueryHeads, headDim]);
  const queryKeyValue = tensor([1, (numQueryHeads + 2 * numKeyValueHeads) * headDim]);
  const norm = spec.queryKeyNorm === "head" ? tensor([headDim], "f32") : undefined;
  const explain = <Call, Result>(operation: Operation<Call, Result>, call: Call): readonly string[] => {
    const refusals = kernels.explain(operation, call);
    if (refusals.length === 0) return [`there is no kernel for ${operation.name}`];
    return refusals.some(({ reasons }) => reasons.length === 0) ? [] : refusals.flatMap(({ reasons }) => reasons);
  };
  const ropes = [...new Set(spec.layers.map(({ rope }) => rope))];
  const preparations = ropes.map((rope) => {
    const rotation = rope === undefined ? undefined : rotationShapes(rope, (shape) => tensor(shape, "f32"));
    return explain(prepareDecode, { batch, layer: 0, queryKeyValue, numQueryHeads, headDim, queryNorm: norm, keyNorm: norm, epsilon: 0, rotation });
  });
  const attention = explain(decodeAttention, { batch, layer: 0, query, output: query, choosesPages, ...graphScores(spec) });
  return [...new Set([attention, ...preparations].flat())];
}

/** Scores as the layers have them, for kernels that look at shapes and types only. */
function graphScores({ attentionScale, attentionSoftCap, attentionSinks, numQueryHeads }: ModelSpec): AttentionScores {
  const sinkLogits = attentionSinks ? ({ shape: [numQueryHeads], dtype: "f32" } as unknown as Tensor) : undefined;
  return { scale: attentionScale, softCap: attentionSoftCap, sinkLogits };
}
