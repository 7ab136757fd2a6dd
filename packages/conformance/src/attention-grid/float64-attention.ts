import type { BlockPattern } from "@elastic-attention/attention";

/** One query head of one sequence in host memory; every tensor is dense, [rows, headDim]. */
export interface HeadInputs {
  readonly headDim: number;
  readonly query: Float32Array;
  readonly keys: Float32Array;
  readonly values: Float32Array;
  readonly pattern: BlockPattern;
  /** The head's blocks, [query blocks, key blocks], where the pattern is "selected". */
  readonly mask?: Uint8Array;
  readonly scale: number;
  readonly softCap?: number | undefined;
  /** -Infinity for none. */
  readonly sinkLogit: number;
}

export interface HeadResults {
  readonly output: Float64Array;
  readonly logSumExp: Float64Array;
}

/** Ranges of keys that the query at `position` sees, [start, end) after [start, end). */
function visibleRanges({ pattern, mask, keys, query, headDim }: HeadInputs, position: number): number[] {
  if (pattern.type === "full" || pattern.type === "threshold") return [0, position + 1];
  if (pattern.type === "sliding") return [Math.max(0, position + 1 - pattern.windowTokens), position + 1];
  const { blockSize } = pattern;
  const block = Math.floor(position / blockSize);
  const ranges: number[] = [];
  const keyRows = keys.length / headDim;
  const [keyBlocks, firstBlock] = [Math.ceil(keyRows / blockSize), Math.floor((keyRows - query.length / headDim) / blockSize)];
  for (let other = 0; other <= block; other++) {
    const seen =
      pattern.type === "streaming"
        ? other < pattern.sinkBlocks || other > block - pattern.localBlocks
        : mask![(block - firstBlock) * keyBlocks + other] === 1;
    if (seen) ranges.push(other * blockSize, Math.min((other + 1) * blockSize, position + 1));
  }
  return ranges;
}

function dot(a: Float32Array, at: number, b: Float32Array, bt: number, length: number): number {
  let [first, second, third, fourth] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 3 < length; i += 4) {
    first += a[at + i]! * b[bt + i]!;
    second += a[at + i + 1]! * b[bt + i + 1]!;
    third += a[at + i + 2]! * b[bt + i + 2]!;
    fourth += a[at + i + 3]! * b[bt + i + 3]!;
  }
  for (; i < length; i++) first += a[at + i]! * b[bt + i]!;
  return first + second + third + fourth;
}

/** The logit of one query and key. */
function scoreOf({ headDim, query, keys, scale, softCap }: HeadInputs, row: number, key: number): number {
  const score = dot(query, row * headDim, keys, key * headDim, headDim) * scale;
  return softCap === undefined ? score : softCap * Math.tanh(score / softCap);
}

/** O and log-sum-exp in float64; a row that sees nothing gives zeros and +Infinity. */
export function float64Forward(inputs: HeadInputs): HeadResults {
  const { headDim, query, keys, values, sinkLogit } = inputs;
  const [rows, keyRows] = [query.length / headDim, keys.length / headDim];
  const [output, logSumExp] = [new Float64Array(query.length), new Float64Array(rows)];
  const scores = new Float64Array(keyRows);
  for (let row = 0; row < rows; row++) {
    const ranges = visibleRanges(inputs, keyRows - rows + row);
    let highest = -Infinity;
    for (let range = 0; range < ranges.length; range += 2) {
      for (let key = ranges[range]!; key < ranges[range + 1]!; key++) {
        scores[key] = scoreOf(inputs, row, key);
        highest = Math.max(highest, scores[key]!);
      }
    }
    if (highest > -Infinity) highest = Math.max(highest, sinkLogit);
    let sum = highest > -Infinity ? Math.exp(sinkLogit - highest) : 0;
    for (let range = 0; range < ranges.length; range += 2) {
      for (let key = ranges[range]!; key < ranges[range + 1]!; key++) {
        const weight = Math.exp(scores[key]! - highest);
        sum += weight;
        for (let i = 0; i < headDim; i++) output[row * headDim + i]! += weight * values[key * headDim + i]!;
      }
    }
    logSumExp[row] = sum === 0 ? Infinity : highest + Math.log(sum);
    if (sum === 0) continue;
    for (let i = 0; i < headDim; i++) output[row * headDim + i]! /= sum;
  }
  return { output, logSumExp };
}

/** What the backward reads besides: rows of one query head. */
export interface HeadGradientInputs extends HeadInputs {
  readonly output: Float32Array;
  readonly outputGradient: Float32Array;
  readonly logSumExp: Float32Array;
}

/**
 * dQ of a head in float64, and its share of dK and dV, which are added to what the group's earlier heads left. `round` is
 * applied to P and dS, as a naive kernel in 16 bits would.
 */
export function float64Backward(
  inputs: HeadGradientInputs,
  gradients: { readonly keys: Float64Array; readonly values: Float64Array },
  round: (value: number) => number = (value) => value,
): Float64Array {
  const { headDim, query, keys, values, scale, softCap, output, outputGradient, logSumExp } = inputs;
  const [rows, keyRows] = [query.length / headDim, keys.length / headDim];
  const queryGradient = new Float64Array(query.length);
  for (let row = 0; row < rows; row++) {
    const at = row * headDim;
    const delta = dot(outputGradient, at, output, at, headDim);
    const ranges = visibleRanges(inputs, keyRows - rows + row);
    for (let range = 0; range < ranges.length; range += 2) {
      for (let key = ranges[range]!; key < ranges[range + 1]!; key++) {
        const kt = key * headDim;
        const score = scoreOf(inputs, row, key);
        const weight = Math.exp(score - logSumExp[row]!);
        const slope = softCap === undefined ? 1 : 1 - (score / softCap) ** 2;
        const rounded = round(weight);
        const scoreGradient = round(weight * slope * (dot(outputGradient, at, values, kt, headDim) - delta)) * scale;
        for (let i = 0; i < headDim; i++) {
          gradients.values[kt + i]! += rounded * outputGradient[at + i]!;
          gradients.keys[kt + i]! += scoreGradient * query[at + i]!;
          queryGradient[at + i]! += scoreGradient * keys[kt + i]!;
        }
      }
    }
  }
  return queryGradient;
}
