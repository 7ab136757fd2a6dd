import { MemoryScope } from "@elastic-attention/core";
import type { Backend, FloatDType, Tensor } from "@elastic-attention/tensor";
import type { ModelSpec } from "./model-spec.js";

/**
 * Activations of one forward pass, allocated once and used by every layer in turn. Only the residual stream and one
 * layer's queries, keys and values have a row for every token; the attention's output takes the place of the queries.
 */
export class Workspace implements Disposable {
  /** The residual stream [tokens, hidden]. */
  readonly hidden: Tensor;
  /** [tokens, (queryHeads + 2 · keyValueHeads) · headDim]. */
  readonly queryKeyValue: Tensor;
  /** [tokens, queryHeads · headDim]: the query columns of `queryKeyValue`, or memory of its own. */
  readonly attention: Tensor;
  /** [chunk, hidden]. */
  readonly normed: Tensor;
  /** [chunk, 2 · intermediate]. */
  readonly gateUp: Tensor;
  readonly #scope = new MemoryScope();

  constructor(
    backend: Backend,
    spec: ModelSpec,
    dtype: FloatDType,
    readonly numTokens: number,
    /** Rows that norms, projections and the MLP take at a time. */
    readonly chunkRows: number,
    /** Whether the queries must outlive the attention: for those who look at them afterwards. */
    keepQueries = false,
  ) {
    const { hiddenSize, intermediateSize, headDim, numQueryHeads, numKeyValueHeads } = spec;
    const chunk = Math.min(chunkRows, numTokens);
    const allocate = (rows: number, columns: number) => this.#scope.track(backend.allocate([rows, columns], dtype));
    try {
      this.hidden = allocate(numTokens, hiddenSize);
      this.queryKeyValue = allocate(numTokens, (numQueryHeads + 2 * numKeyValueHeads) * headDim);
      const queries = numQueryHeads * headDim;
      this.attention = keepQueries ? allocate(numTokens, queries) : this.queryKeyValue.columns(0, queries);
      this.normed = allocate(chunk, hiddenSize);
      this.gateUp = allocate(chunk, 2 * intermediateSize);
    } catch (error) {
      this.#scope.dispose();
      throw error;
    }
  }

  /** Row ranges of at most `chunkRows`. */
  *chunks(): Generator<readonly [start: number, end: number]> {
    for (let start = 0; start < this.numTokens; start += this.chunkRows) {
      yield [start, Math.min(start + this.chunkRows, this.numTokens)];
    }
  }

  [Symbol.dispose](): void {
    this.#scope.dispose();
  }
}
