import { MemoryScope } from "@elastic-attention/core";
import { addDotProducts, expectShape, newFloats, readFloats, writeFloats } from "@elastic-attention/tensor";
import { attentionRows } from "./attention-rows.js";
import { cappedScore, expectAttentionScores } from "./attention-scores.js";
import type { AttentionSequence, HybridAttentionCall } from "./hybrid-attention.js";
import { unpackedCache } from "./unpack-cache.js";

/** The specification of hybrid attention: one query row at a time, every key it may see, softmax in one pass. */
export function referenceHybridAttention(given: HybridAttentionCall): void {
  using scope = new MemoryScope();
  const sequences = given.sequences.map((sequence) => ({ ...sequence, cache: unpackedCache(given.query.backend, sequence.cache, "f32", scope) }));
  const call = { ...given, sequences };
  const { query, output, logSumExp } = call;
  const [tokens, numQueryHeads, headDim] = [query.shape[0]!, query.shape[1] ?? -1, query.shape[2] ?? -1];
  expectShape("hybridAttention", "query", query, [tokens, numQueryHeads, headDim]);
  expectShape("hybridAttention", "output", output, query.shape);
  expectAttentionScores("hybridAttention", call, numQueryHeads);
  if (logSumExp !== undefined) expectShape("hybridAttention", "logSumExp", logSumExp, [tokens, numQueryHeads]);
  for (const sequence of sequences) attendSequence(call, sequence);
}

function attendSequence(call: HybridAttentionCall, sequence: AttentionSequence): void {
  const { start, length, cache } = sequence;
  const [numQueryHeads, headDim] = [call.query.shape[1]!, call.query.shape[2]!];
  const q = readFloats(call.query.rows(start, start + length));
  const out = newFloats(call.query, q.length);
  const lse = newFloats(call.query, length * numQueryHeads);
  const [keys, values] = [readFloats(cache.keys), readFloats(cache.values)];
  const sinks = call.sinkLogits === undefined ? undefined : readFloats(call.sinkLogits);
  for (const { queryHead, row, slots } of attentionRows("hybridAttention", call.query, sequence)) {
    const index = row * numQueryHeads + queryHead;
    const scores = { scale: call.scale, softCap: call.softCap, sinkLogit: sinks?.[queryHead] ?? -Infinity };
    lse[index] = attendRow(q, index * headDim, slots, keys, values, headDim, scores, out);
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
  { scale, softCap, sinkLogit }: { readonly scale: number; readonly softCap: number | undefined; readonly sinkLogit: number },
  out: Floats,
): number {
  if (slots.length === 0) return Infinity;
  const dots = new Float64Array(slots.length);
  addDotProducts(q, at, keys, slots.map((slot) => slot * headDim), headDim, dots);
  const scores = dots.map((dot) => cappedScore(dot * scale, softCap));
  let maximum = sinkLogit;
  for (const score of scores) maximum = Math.max(maximum, score);
  // The sink's weight is counted, and its value is nothing.
  let sum = Math.exp(sinkLogit - maximum);
  const mixed = new Float64Array(headDim);
  for (const [index, slot] of slots.entries()) {
    const weight = Math.exp(scores[index]! - maximum);
    sum += weight;
    for (let i = 0, v = slot * headDim; i < headDim; i++) mixed[i]! += weight * values[v + i]!;
  }
  for (let i = 0; i < headDim; i++) out[at + i] = mixed[i]! / sum;
  return maximum + Math.log(sum);
}
