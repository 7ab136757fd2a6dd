import { type Backend, type FloatDType, MemoryScope, type Tensor } from "@elastic-attention/tensor";
import type { ModelSpec } from "./model-spec.js";

/** Activations of one forward pass, allocated once and used by every layer in turn. */
export class Workspace implements Disposable {
  /** The residual stream [tokens, hidden]. */
  readonly hidden: Tensor;
  /** [tokens, (queryHeads + 2 · keyValueHeads) · headDim]. */
  readonly queryKeyValue: Tensor;
  /** [tokens, queryHeads · headDim]. */
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
  ) {
    const { hiddenSize, intermediateSize, headDim, numQueryHeads, numKeyValueHeads } = spec;
    const chunk = Math.min(chunkRows, numTokens);
    const allocate = (rows: number, columns: number) => this.#scope.track(backend.allocate([rows, columns], dtype));
    try {
      this.hidden = allocate(numTokens, hiddenSize);
      this.queryKeyValue = allocate(numTokens, (numQueryHeads + 2 * numKeyValueHeads) * headDim);
      this.attention = allocate(numTokens, numQueryHeads * headDim);
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
