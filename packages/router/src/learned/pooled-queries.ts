import { cast, type Tensor } from "@elastic-attention/tensor";
import { countRows, pooledRanges, type RouterPooling } from "../operations/router-pooling.js";

/** Rows to average for each sequence, one behind the other. */
export interface PooledQueries extends Disposable {
  /** [rows, 1, headDim]: every head of every pooled token is a row. */
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
export function pooledQueries(queries: Tensor, offsets: readonly number[], pooling: RouterPooling): PooledQueries {
  const { backend } = queries;
  const [, numHeads, headDim] = queries.shape as [number, number, number];
  const ranges = offsets.slice(1).map((end, sequence) => pooledRanges(pooling, offsets[sequence]!, end, sequence));
  const bounds = [0];
  for (const each of ranges) bounds.push(bounds.at(-1)! + countRows(each));
  const copy = backend.allocate([bounds.at(-1)!, numHeads, headDim], queries.dtype);
  try {
    let row = 0;
    for (const [start, end] of ranges.flat()) {
      backend.kernels.run(cast, { input: queries.rows(start, end), output: copy.rows(row, row + end - start) });
      row += end - start;
    }
    const rows = copy.reshape([copy.numRows * numHeads, 1, headDim]);
    return { rows, offsets: bounds.map((bound) => bound * numHeads), [Symbol.dispose]: () => copy.dispose() };
  } catch (error) {
    copy.dispose();
    throw error;
  }
}
