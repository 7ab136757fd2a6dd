import { expectShape, newFloats, readFloats, ShapeError, writeFloats } from "@elastic-attention/tensor";
import { slotOf } from "../cache/head-slots.js";
import { maskRow, patternBlockSize, visitedRanges } from "../modes/visited-blocks.js";
import type { AttentionSequence, HybridAttentionCall } from "./hybrid-attention.js";

/** The specification of hybrid attention: one query row at a time, every key it may see, softmax in one pass. */
export function referenceHybridAttention(call: HybridAttentionCall): void {
  const { query, output, sequences, logSumExp } = call;
  const [tokens, numQueryHeads, headDim] = [query.shape[0]!, query.shape[1] ?? -1, query.shape[2] ?? -1];
  expectShape("hybridAttention", "query", query, [tokens, numQueryHeads, headDim]);
  expectShape("hybridAttention", "output", output, query.shape);
  if (logSumExp !== undefined) expectShape("hybridAttention", "logSumExp", logSumExp, [tokens, numQueryHeads]);
  for (const sequence of sequences) attendSequence(call, sequence);
}

function attendSequence(call: HybridAttentionCall, sequence: AttentionSequence): void {
  const { start, length, cache, patterns, mask } = sequence;
  const [numQueryHeads, headDim] = [call.query.shape[1]!, call.query.shape[2]!];
  const group = numQueryHeads / cache.numKeyValueHeads;
  if (!Number.isInteger(group) || patterns.length !== cache.numKeyValueHeads || cache.headDim !== headDim) {
    throw new ShapeError("hybridAttention: the heads of query, cache and patterns do not fit together.");
  }
  if (length > cache.length) throw new ShapeError("hybridAttention: more queries than keys in the cache.");
  const rows = call.query.rows(start, start + length);
  const q = readFloats(rows);
  const out = newFloats(call.query, q.length);
  const lse = newFloats(call.query, length * numQueryHeads);
  const [keys, values] = [readFloats(cache.keys), readFloats(cache.values)];
  const visited = mask?.visited.download();
  for (let head = 0; head < numQueryHeads; head++) {
    const pattern = patterns[Math.floor(head / group)]!;
    const store = cache.heads[Math.floor(head / group)]!;
    if (pattern.type === "selected") expectMask(mask, pattern.blockSize, numQueryHeads, sequence);
    for (let row = 0; row < length; row++) {
      const position = cache.length - length + row;
      const chosen =
        pattern.type === "selected"
          ? maskRow(mask!, visited!, head, Math.floor(position / patternBlockSize(pattern)))
          : undefined;
      const at = (row * numQueryHeads + head) * headDim;
      const slots: number[] = [];
      for (const [first, end] of visitedRanges(pattern, position, chosen)) {
        for (let key = first; key < end; key++) slots.push(slotOf(store, key, cache.length));
      }
      lse[row * numQueryHeads + head] = attendRow(q, at, slots, keys, values, headDim, call.scale, out);
    }
  }
  writeFloats(call.output.rows(start, start + length), out);
  if (call.logSumExp !== undefined) writeFloats(call.logSumExp.rows(start, start + length), lse);
}

type Floats = ReturnType<typeof readFloats>;

/** Softmax attention of one query over the given slots into `out` at the query's own place; returns log-sum-exp. */
function attendRow(
  q: Floats,
  at: number,
  slots: readonly number[],
  keys: Floats,
  values: Floats,
  headDim: number,
  scale: number,
  out: Floats,
): number {
  if (slots.length === 0) return Infinity;
  const scores = slots.map((slot) => {
    let dot = 0;
    for (let i = 0, k = slot * headDim; i < headDim; i++) dot += q[at + i]! * keys[k + i]!;
    return dot * scale;
  });
  let maximum = -Infinity;
  for (const score of scores) maximum = Math.max(maximum, score);
  let sum = 0;
  const mixed = new Float64Array(headDim);
  for (const [index, slot] of slots.entries()) {
    const weight = Math.exp(scores[index]! - maximum);
    sum += weight;
    for (let i = 0, v = slot * headDim; i < headDim; i++) mixed[i]! += weight * values[v + i]!;
  }
  for (let i = 0; i < headDim; i++) out[at + i] = mixed[i]! / sum;
  return maximum + Math.log(sum);
}

/** A "selected" pattern reads its own rows of the mask: one for each block of queries, the last for the last key block. */
function expectMask(
  mask: AttentionSequence["mask"],
  blockSize: number,
  numQueryHeads: number,
  { cache, length }: AttentionSequence,
): void {
  if (mask === undefined || mask.blockSize !== blockSize) {
    throw new ShapeError('hybridAttention: a "selected" pattern needs a mask of its block size.');
  }
  const keyBlocks = Math.ceil(cache.length / blockSize);
  const queryBlocks = keyBlocks - Math.floor((cache.length - length) / blockSize);
  if (mask.numQueryHeads !== numQueryHeads || mask.keyBlocks !== keyBlocks || mask.queryBlocks < queryBlocks) {
    throw new ShapeError(
      `hybridAttention: the mask must have ${numQueryHeads} heads, ${queryBlocks} or more query blocks and ${keyBlocks} ` +
        `key blocks, found ${mask.numQueryHeads}, ${mask.queryBlocks} and ${mask.keyBlocks}.`,
    );
  }
}
