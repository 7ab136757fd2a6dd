import { MemoryScope } from "@elastic-attention/core";
import {
  decodeAttention,
  DecodeBatch,
  decodePlanBytes,
  type PagePool,
  planDecode,
  prepareDecode,
  type SequenceCache,
} from "@elastic-attention/attention";
import { type Backend, embedding, type FloatDType, type Graph, type Tensor } from "@elastic-attention/tensor";
import { attentionScale } from "../layer/attend-heads.js";
import { type LayerPass, runDecoderLayer } from "../layer/decoder-layer.js";
import type { DecoderCore } from "../layer/forward-pass.js";
import { projectLogits } from "../layer/logits.js";
import { Workspace } from "../memory/workspace.js";
import type { ModelSpec } from "../model/model-spec.js";

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
  #tables: { readonly cosine: Tensor; readonly sine: Tensor } | undefined;

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
    const { backend, rotaryTable } = this.context;
    const longest = caches.reduce((most, { length }) => Math.max(most, length + 1), 1);
    const { cosine, sine } = rotaryTable.tables(longest);
    this.#batch.update(tokens, caches);
    if (this.#tables === undefined) {
      // The first step loads kernels and chooses algorithms, which cannot be recorded.
      this.#run(cosine, sine);
    } else {
      if (this.#graph === undefined || this.#tables.cosine !== cosine || this.#tables.sine !== sine) {
        this.#graph?.[Symbol.dispose]();
        this.#graph = undefined;
        this.#graph = backend.capture?.(() => this.#run(cosine, sine));
      }
      if (this.#graph === undefined) this.#run(cosine, sine);
      else this.#graph.replay();
    }
    this.#tables = { cosine, sine };
    for (const cache of caches) cache.countWritten(1);
    return this.#logits.rows(0, caches.length);
  }

  [Symbol.dispose](): void {
    this.#graph?.[Symbol.dispose]();
    this.#graph = undefined;
    this.#scope.dispose();
  }

  #run(cosine: Tensor, sine: Tensor): void {
    const { backend, spec, weights } = this.context;
    const { kernels } = backend;
    const { hidden } = this.#workspace;
    kernels.run(planDecode, { batch: this.#batch });
    kernels.run(embedding, { ids: this.#batch.ids, table: weights.embedding, output: hidden });
    const pass = this.#pass(cosine, sine);
    for (const [layer, layerWeights] of weights.layers.entries()) runDecoderLayer(pass, layerWeights, layer);
    projectLogits(kernels, spec, weights, { hidden, normed: this.#workspace.normed(this.slots), logits: this.#logits });
  }

  /** Layers whose heads are prepared and attend by two kernels, which read what changes from step to step from the batch. */
  #pass(cosine: Tensor, sine: Tensor): LayerPass {
    const { backend, spec } = this.context;
    const { numQueryHeads, headDim, rmsNormEpsilon: epsilon } = spec;
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
      part: (_input, _output, body) => body(kernels, scratch),
      *attend({ queryNorm, keyNorm }, layer) {
        kernels.run(prepareDecode, { batch, layer, queryKeyValue, numQueryHeads, headDim, queryNorm, keyNorm, epsilon, cosine, sine });
        const query = queryKeyValue.columns(0, numQueryHeads * headDim).reshape([slots, numQueryHeads, headDim]);
        kernels.run(decodeAttention, { batch, layer, query, output: attention.reshape(query.shape), scale: attentionScale(spec) });
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

/** Why decode steps on these caches cannot run as graphs; empty when they can. */
export function decodeGraphProblems(backend: Backend, pool: PagePool | undefined, spec: ModelSpec, dtype: FloatDType): readonly string[] {
  if (backend.capture === undefined) return [`the ${backend.name} backend captures no graphs`];
  if (pool === undefined) return ["there is no page pool"];
  const { numQueryHeads, numKeyValueHeads, headDim } = spec;
  // Kernels ask for shapes and types only.
  const shapes = { shape: [1, numQueryHeads, headDim], dtype } as unknown as Tensor;
  const batch = { options: { pool, numKeyValueHeads } } as unknown as DecodeBatch;
  const refusals = backend.kernels.explain(decodeAttention, { batch, layer: 0, query: shapes, output: shapes, scale: 1 });
  return refusals.some(({ reasons }) => reasons.length === 0) ? [] : refusals.flatMap(({ reasons }) => reasons);
}
