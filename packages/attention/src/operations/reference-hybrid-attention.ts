import { MemoryScope } from "@elastic-attention/core";
import { addDotProducts, expectShape, hostArray, newFloats, readFloats, writeFloats } from "@elastic-attention/tensor";
import type { BlockPattern } from "../patterns/block-pattern.js";
import { attentionRows } from "./attention-rows.js";
import { cappedScore, expectAttentionScores } from "./attention-scores.js";
import type { AttentionSequence, HybridAttentionCall } from "./hybrid-attention.js";
import { expectTileCounts } from "./tile-counts.js";
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
  const counts = new Int32Array(2 * numQueryHeads);
  for (const { queryHead, pattern, row, slots } of attentionRows("hybridAttention", call.query, sequence)) {
    const index = row * numQueryHeads + queryHead;
    const scores = { scale: call.scale, softCap: call.softCap, sinkLogit: sinks?.[queryHead] ?? -Infinity, pattern };
    const { logSumExp, skipped, tiles } = attendRow(q, index * headDim, slots, keys, values, headDim, scores, out);
    lse[index] = logSumExp;
    counts[queryHead]! += skipped;
    counts[numQueryHeads + queryHead]! += tiles;
  }
  addTileCounts(sequence, counts);
  writeFloats(call.output.rows(start, start + length), out);
  if (call.logSumExp !== undefined) writeFloats(call.logSumExp.rows(start, start + length), lse);
}

type Floats = ReturnType<typeof readFloats>;

interface RowResult {
  readonly logSumExp: number;
  /** Of a head with a threshold. */
  readonly skipped: number;
  readonly tiles: number;
}

interface RowScores {
  readonly scale: number;
  readonly softCap: number | undefined;
  readonly sinkLogit: number;
  readonly pattern: BlockPattern;
}

/** Softmax attention of one query over the given slots into `out` at the query's own place. */
function attendRow(
  q: Floats,
  at: number,
  given: readonly number[],
  keys: Floats,
  values: Floats,
  headDim: number,
  { scale, softCap, sinkLogit, pattern }: RowScores,
  out: Floats,
): RowResult {
  if (given.length === 0) return { logSumExp: Infinity, skipped: 0, tiles: 0 };
  const dots = new Float64Array(given.length);
  addDotProducts(q, at, keys, given.map((slot) => slot * headDim), headDim, dots);
  const all = dots.map((dot) => cappedScore(dot * scale, softCap));
  const { kept, skipped, tiles } = pattern.type === "threshold" ? keptTiles(all, pattern.factor) : { kept: undefined, skipped: 0, tiles: 0 };
  const [slots, scores] = kept === undefined ? [given, all] : [kept.map((key) => given[key]!), kept.map((key) => all[key]!)];
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
  return { logSumExp: maximum + Math.log(sum), skipped, tiles };
}

/** Keys of a tile; one row is a tile of its own. */
const tileKeys = 128;

/** The keys of a row that are left when tiles far below those before them are skipped, from the first on. */
function keptTiles(scores: ArrayLike<number>, factor: number) {
  const limit = Math.min(0, Math.log(factor / scores.length));
  const kept: number[] = [];
  let [running, skipped, tiles] = [-Infinity, 0, 0];
  for (let start = 0; start < scores.length; start += tileKeys, tiles++) {
    const keys = Array.from({ length: Math.min(tileKeys, scores.length - start) }, (_, key) => start + key);
    // What is not a number is in no order to anything: it is kept, and seen.
    if (keys.every((key) => scores[key]! < running + limit)) {
      skipped += 1;
      continue;
    }
    kept.push(...keys);
    for (const key of keys) running = Math.max(running, scores[key]!);
  }
  return { kept, skipped, tiles };
}

function addTileCounts({ tileCounts }: AttentionSequence, counts: Int32Array): void {
  if (tileCounts === undefined) return;
  expectTileCounts(tileCounts, counts.length / 2);
  const before = hostArray(tileCounts.download(), "i32");
  tileCounts.backend.write(tileCounts, counts.map((count, index) => count + before[index]!));
}
