import { MemoryScope } from "@elastic-attention/core";
import type { Backend, FloatDType, Tensor } from "@elastic-attention/tensor";
import type { RowRange, Scratch } from "../layer/decoder-layer.js";
import type { ExpertTensors } from "../layer/expert-feed-forward.js";
import { type ExpertsFeedForward, widestFeedForward } from "../model/layer-spec.js";
import type { ModelSpec } from "../model/model-spec.js";
import { ExpertWorkspace } from "./expert-memory.js";

/**
 * Activations of one forward pass, allocated once and used by every layer in turn. Only the residual stream and one
 * layer's queries, keys and values have a row for every token; the attention's output takes the place of the queries.
 */
export class Workspace implements Scratch, Disposable {
  /** The residual stream [tokens, hidden]. */
  readonly hidden: Tensor;
  /** [tokens, (queryHeads + 2 · keyValueHeads) · headDim]. */
  readonly queryKeyValue: Tensor;
  /** [tokens, queryHeads · headDim]: the query columns of `queryKeyValue`, or memory of its own. */
  readonly attention: Tensor;
  /** Row ranges of at most `chunkRows`. */
  readonly chunks: readonly RowRange[];
  /** [chunk, hidden]. */
  readonly #normed: Tensor;
  /** [chunk, features]: of the widest layer. */
  readonly #gateUp: Tensor;
  readonly #experts: ExpertWorkspace;
  readonly #scope = new MemoryScope();

  constructor(
    backend: Backend,
    spec: ModelSpec,
    dtype: FloatDType,
    numTokens: number,
    /** Rows that norms, projections and the MLP take at a time. */
    chunkRows: number,
    /** Whether the queries must outlive the attention: for those who look at them afterwards. */
    keepQueries = false,
  ) {
    const { hiddenSize, headDim, numQueryHeads, numKeyValueHeads } = spec;
    const chunk = Math.min(chunkRows, numTokens);
    this.chunks = rowChunks(numTokens, chunkRows);
    const allocate = (rows: number, columns: number) => this.#scope.track(backend.allocate([rows, columns], dtype));
    try {
      this.hidden = allocate(numTokens, hiddenSize);
      this.queryKeyValue = allocate(numTokens, (numQueryHeads + 2 * numKeyValueHeads) * headDim);
      const queries = numQueryHeads * headDim;
      this.attention = keepQueries ? allocate(numTokens, queries) : this.queryKeyValue.columns(0, queries);
      this.#normed = allocate(chunk, hiddenSize);
      this.#gateUp = allocate(chunk, widestFeedForward(spec.layers));
      this.#experts = new ExpertWorkspace(backend, this.#scope, spec.layers, chunk, hiddenSize, dtype);
    } catch (error) {
      this.#scope.dispose();
      throw error;
    }
  }

  normed(rows: number): Tensor {
    return this.#normed.rows(0, rows);
  }

  partOutput(rows: number): Tensor {
    return this.#normed.rows(0, rows);
  }

  gateUp(rows: number, features: number): Tensor {
    return this.#gateUp.rows(0, rows).columns(0, features);
  }

  activation(gate: Tensor): Tensor {
    return gate;
  }

  experts(rows: number, spec: ExpertsFeedForward): ExpertTensors {
    return this.#experts.tensors(rows, spec);
  }

  [Symbol.dispose](): void {
    this.#scope.dispose();
  }
}

/** Rows from which on kernels sum all rows alike. */
export const leastRows = 32;

/**
 * Row ranges of at most `chunkRows`, in order. The last one never has a few rows alone where more came before: kernels sum few
 * rows in an order of their own, and a prompt gives the same bits wherever it is cut.
 */
export function rowChunks(rows: number, chunkRows: number): RowRange[] {
  const ends = Array.from({ length: Math.ceil(rows / chunkRows) }, (_, chunk) => Math.min((chunk + 1) * chunkRows, rows));
  const least = Math.min(leastRows, chunkRows >> 1);
  const missing = ends.length > 1 ? Math.max(0, least - (rows - ends.at(-2)!)) : 0;
  if (missing > 0) ends[ends.length - 2]! -= missing;
  return ends.map((end, chunk) => [ends[chunk - 1] ?? 0, end]);
}
