/** One sequence for {@link denseAttention}: token-major host arrays, queries at the end of the keys. */
export interface DenseSequence {
  /** [numQueries, numQueryHeads, headDim] */
  readonly query: ArrayLike<number>;
  /** [numKeys, numKeyValueHeads, headDim] */
  readonly keys: ArrayLike<number>;
  readonly values: ArrayLike<number>;
  readonly numQueries: number;
  readonly numKeys: number;
  readonly numQueryHeads: number;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  readonly scale: number;
  readonly softCap?: number | undefined;
  /** [numQueryHeads]: the logit of one more column that has no value. */
  readonly sinkLogits?: ArrayLike<number> | undefined;
  /** Whether a query head at an absolute position may see a key, apart from causality. */
  readonly sees: (queryHead: number, position: number, key: number) => boolean;
}

/**
 * The oracle: the whole score matrix in float64, minus infinity wherever a key is hidden, a softmax over all columns.
 * Written without anything of the package under test.
 */
export function denseAttention(sequence: DenseSequence): { output: Float64Array; logSumExp: Float64Array } {
  const { query, keys, values, numQueries, numKeys, numQueryHeads, numKeyValueHeads, headDim, scale, softCap, sinkLogits, sees } = sequence;
  const output = new Float64Array(numQueries * numQueryHeads * headDim);
  const logSumExp = new Float64Array(numQueries * numQueryHeads);
  for (let row = 0; row < numQueries; row++) {
    const position = numKeys - numQueries + row;
    for (let head = 0; head < numQueryHeads; head++) {
      const keyValueHead = Math.floor((head * numKeyValueHeads) / numQueryHeads);
      const at = (row * numQueryHeads + head) * headDim;
      const scores = new Float64Array(numKeys + 1).fill(-Infinity);
      scores[numKeys] = sinkLogits?.[head] ?? -Infinity;
      for (let key = 0; key < numKeys; key++) {
        if (key > position || !sees(head, position, key)) continue;
        let dot = 0;
        for (let i = 0; i < headDim; i++) dot += query[at + i]! * keys[(key * numKeyValueHeads + keyValueHead) * headDim + i]!;
        scores[key] = softCap === undefined ? dot * scale : Math.tanh((dot * scale) / softCap) * softCap;
      }
      if (scores.subarray(0, numKeys).every((score) => score === -Infinity)) {
        logSumExp[row * numQueryHeads + head] = Infinity;
        continue;
      }
      const maximum = scores.reduce((a, b) => Math.max(a, b), -Infinity);
      const weights = scores.map((score) => Math.exp(score - maximum));
      const sum = weights.reduce((a, b) => a + b, 0);
      logSumExp[row * numQueryHeads + head] = maximum + Math.log(sum);
      for (let key = 0; key < numKeys; key++) {
        if (weights[key] === 0) continue;
        const from = (key * numKeyValueHeads + keyValueHead) * headDim;
        for (let i = 0; i < headDim; i++) output[at + i]! += (weights[key]! / sum) * values[from + i]!;
      }
    }
  }
  return { output, logSumExp };
}

/** Largest absolute difference; NaN in either counts as infinite, so that a poisoned output cannot pass. */
export function largestDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < actual.length; i++) {
    const difference = actual[i] === expected[i] ? 0 : Math.abs(actual[i]! - expected[i]!);
    largest = Number.isNaN(difference) ? Infinity : Math.max(largest, difference);
  }
  return largest;
}
