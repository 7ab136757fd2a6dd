import { cast, type DType, type Operation, type Tensor } from "@elastic-attention/tensor";
import { countRows, pooledRanges, type RouterPooling } from "../operations/router-pooling.js";

/** Runs operations on memory that it owns: a backend with a scope, or a tape that remembers them for the way back. */
export interface PoolingRunner {
  allocate(shape: readonly number[], dtype: DType): Tensor;
  run<Call, Result>(operation: Operation<Call, Result>, call: Call): Result | undefined;
}

/** Rows to average for each sequence, one behind the other. */
export interface PooledQueries {
  /** [rows, 1, headDim]: every head of every pooled token is a row; memory of the runner. */
  readonly rows: Tensor;
  /** Sequence i is rows offsets[i] to offsets[i + 1]. */
  readonly offsets: readonly number[];
}

/**
 * Copies the pooled tokens of each sequence, a token in two ranges twice, so that all their heads are rows: their mean is that
 * over the tokens and then over the heads.
 *
 * @param queries [tokens, numQueryHeads, headDim]
 */
export function pooledQueries(runner: PoolingRunner, queries: Tensor, offsets: readonly number[], pooling: RouterPooling): PooledQueries {
  const [, numHeads, headDim] = queries.shape as [number, number, number];
  const ranges = offsets.slice(1).map((end, sequence) => pooledRanges(pooling, offsets[sequence]!, end, sequence));
  const bounds = [0];
  for (const each of ranges) bounds.push(bounds.at(-1)! + countRows(each));
  const copy = runner.allocate([bounds.at(-1)!, numHeads, headDim], queries.dtype);
  let row = 0;
  for (const [start, end] of ranges.flat()) {
    runner.run(cast, { input: queries.rows(start, end), output: copy.rows(row, row + end - start) });
    row += end - start;
  }
  return { rows: copy.reshape([copy.numRows * numHeads, 1, headDim]), offsets: bounds.map((bound) => bound * numHeads) };
}
