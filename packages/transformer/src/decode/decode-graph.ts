import { MemoryScope } from "@elastic-attention/core";
import {
  type AttentionScores,
  decodeAttention,
  DecodeBatch,
  decodePlanBytes,
  type PagePool,
  planDecode,
  prepareDecode,
  type SequenceCache,
} from "@elastic-attention/attention";
import type { Backend, FloatDType, Graph, Tensor } from "@elastic-attention/tensor";
import { attentionScores } from "../layer/attend-heads.js";
import { type LayerPass, runDecoderLayer } from "../layer/decoder-layer.js";
import { embedTokens } from "../layer/embed-tokens.js";
import type { DecoderCore } from "../layer/forward-pass.js";
import { projectLogits } from "../layer/logits.js";
import type { RotaryTables } from "../layer/rotation/rotary-table.js";
import { Workspace } from "../memory/workspace.js";
import type { LayerSpec } from "../model/layer-spec.js";
import type { ModelSpec } from "../model/model-spec.js";
import { lengthDependsBeyond } from "../model/rope/rope-spec.js";

/** What decode steps of one model share. */
export interface DecodeGraphContext extends DecoderCore {
  readonly pool: PagePool;
}

/**
 * Decode steps of up to `slots` sequences. Everything that changes from step to step goes into tables at fixed places, so
 * that a step is one graph, captured at the second step and replayed from then on.
 */
export class DecodeGraph implements Disposable {
  readonly #scope = new MemoryScope();
  readonly #batch: DecodeBatch;
  readonly #workspace: Workspace;
  readonly #logits: Tensor;
  #graph: Graph | undefined;
  /** The rotary tables that the graph reads; they are other tensors when they have grown, also where they lie: rows are recorded. */
  #tables: readonly RotaryTables[] | undefined;

  /** @throws OutOfMemoryError */
  constructor(
    private readonly context: DecodeGraphContext,
    readonly slots: number,
  ) {
    const { backend, spec, dtype, pool } = context;
    const { numLayers, numKeyValueHeads, vocabularySize } = spec;
    try {
      const planBytes = backend.kernels.run(decodePlanBytes, { slots, numLayers, numKeyValueHeads });
      this.#batch = this.#scope.track(new DecodeBatch({ backend, pool, slots, numLayers, numKeyValueHeads, planBytes }));
      this.#workspace = this.#scope.track(new Workspace(backend, spec, dtype, slots, slots));
      this.#logits = this.#scope.track(backend.allocate([slots, vocabularySize], "f32"));
    } catch (error) {
      this.#scope.dispose();
      throw error;
    }
  }

  /**
   * One token for each sequence.
   * @returns f32 [sequences, vocabulary], a view that the next step overwrites.
   * @throws OutOfMemoryError before the step; the caches are as they were then
   */
  step(tokens: ArrayLike<number>, caches: readonly SequenceCache[]): Tensor {
    const { backend } = this.context;
    const tables = this.#rotaryTables(caches.reduce((most, { length }) => Math.max(most, length + 1), 1));
    this.#batch.update(tokens, caches);
    if (this.#tables === undefined) {
      // The first step loads kernels and chooses algorithms, which cannot be recorded.
      this.#run(tables);
    } else {
      const grown = tables.some(({ cosine, sine }, layer) => cosine !== this.#tables![layer]!.cosine || sine !== this.#tables![layer]!.sine);
      if (this.#graph === undefined || grown) {
        this.#graph?.[Symbol.dispose]();
        this.#graph = undefined;
        this.#graph = backend.capture?.(() => this.#run(tables));
      }
      if (this.#graph === undefined) this.#run(tables);
      else this.#graph.replay();
    }
    this.#tables = tables;
    for (const cache of caches) cache.countWritten(1);
    return this.#logits.rows(0, caches.length);
  }

  [Symbol.dispose](): void {
    this.#graph?.[Symbol.dispose]();
    this.#graph = undefined;
    this.#scope.dispose();
  }

  /** Of each layer. */
  #rotaryTables(longest: number): RotaryTables[] {
    const { modelRotations, spec } = this.context;
    return spec.layers.map(({ rope }) => modelRotations.table(rope!, "key").tables(longest));
  }

  #run(tables: readonly RotaryTables[]): void {
    const { backend, spec, weights } = this.context;
    const { kernels } = backend;
    const { hidden } = this.#workspace;
    kernels.run(planDecode, { batch: this.#batch });
    embedTokens(kernels, this.context, this.#batch.ids, hidden);
    const pass = this.#pass(tables);
    for (const [layer, layerWeights] of weights.layers.entries()) runDecoderLayer(pass, layerWeights, layer);
    projectLogits(kernels, spec, weights, { hidden, normed: this.#workspace.normed(this.slots), logits: this.#logits });
  }

  /** Layers whose heads are prepared and attend by two kernels, which read what changes from step to step from the batch. */
  #pass(tables: readonly RotaryTables[]): LayerPass {
    const { backend, spec } = this.context;
    const { numQueryHeads, headDim } = spec;
    const { epsilon } = spec.norm;
    const { kernels } = backend;
    const { hidden, queryKeyValue, attention, chunks } = this.#workspace;
    const [batch, slots, scratch] = [this.#batch, this.slots, this.#workspace];
    return {
      spec,
      runner: kernels,
      scratch,
      stream: { before: hidden, between: hidden, after: hidden },
      chunks,
      queryKeyValue,
      part: (_inputs, _output, body) => body(kernels, scratch),
      *attend(weights, layer) {
        const { queryNorm, keyNorm } = weights;
        kernels.run(prepareDecode, { batch, layer, queryKeyValue, numQueryHeads, headDim, queryNorm, keyNorm, epsilon, ...tables[layer]! });
        const query = queryKeyValue.columns(0, numQueryHeads * headDim).reshape([slots, numQueryHeads, headDim]);
        kernels.run(decodeAttention, { batch, layer, query, output: attention.reshape(query.shape), ...attentionScores(spec, weights) });
        yield "attention";
        return attention;
      },
    };
  }
}

/** Slots of the graph that serves a batch: few sizes, so that few graphs are kept. */
export function slotsFor(sequences: number): number {
  if (sequences <= 8) return 2 ** Math.ceil(Math.log2(Math.max(1, sequences)));
  const unit = sequences <= 64 ? 8 : 32;
  return Math.ceil(sequences / unit) * unit;
}

/** What the kernel that prepares the heads of a step does not know. */
function preparationProblems({ layers, headDim, queryKeyNorm, queryScaling }: ModelSpec): readonly string[] {
  const isKnown = ({ rope }: LayerSpec) => rope !== undefined && rope.pairs === "halves" && rope.rotatedDim === headDim && lengthDependsBeyond(rope) === undefined;
  return [
    ...(layers.every(isKnown) ? [] : ["a layer does not rotate whole heads, halves together, by angles of the position alone"]),
    ...(queryKeyNorm === "projection" ? ["the norms of queries and keys span several heads"] : []),
    ...(queryScaling === undefined ? [] : ["queries are scaled by their position"]),
  ];
}

/** What a user should know where a device could capture decode steps and does not for this model; undefined elsewhere. */
export function decodeGraphNote({ capture, device }: Pick<Backend, "capture" | "device">, spec: ModelSpec): string | undefined {
  // On the host only some batches are captured anyway, and little is lost without.
  const problems = capture === undefined || device.workSizes.emptyDecodeRows === false ? [] : preparationProblems(spec);
  return problems.length === 0 ? undefined : `Decode steps run kernel by kernel and not as captured graphs, which is slower: ${problems.join("; ")}.`;
}

/** Why decode steps on these caches cannot run as graphs; empty when they can. */
export function decodeGraphProblems(backend: Backend, pool: PagePool | undefined, spec: ModelSpec, dtype: FloatDType): readonly string[] {
  if (backend.capture === undefined) return [`the ${backend.name} backend captures no graphs`];
  if (pool === undefined) return ["there is no page pool"];
  const preparation = preparationProblems(spec);
  if (preparation.length > 0) return preparation;
  const { numQueryHeads, numKeyValueHeads, headDim } = spec;
  // Kernels ask for shapes and types only.
  const shapes = { shape: [1, numQueryHeads, headDim], dtype } as unknown as Tensor;
  const batch = { options: { pool, numKeyValueHeads } } as unknown as DecodeBatch;
  const refusals = backend.kernels.explain(decodeAttention, { batch, layer: 0, query: shapes, output: shapes, ...graphScores(spec) });
  return refusals.some(({ reasons }) => reasons.length === 0) ? [] : refusals.flatMap(({ reasons }) => reasons);
}

/** Scores as the layers have them, for kernels that look at shapes and types only. */
function graphScores({ attentionScale, attentionSoftCap, attentionSinks, numQueryHeads }: ModelSpec): AttentionScores {
  const sinkLogits = attentionSinks ? ({ shape: [numQueryHeads], dtype: "f32" } as unknown as Tensor) : undefined;
  return { scale: attentionScale, softCap: attentionSoftCap, sinkLogits };
}
