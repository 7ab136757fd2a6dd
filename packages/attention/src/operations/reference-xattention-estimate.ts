import { MemoryScope, ShapeError } from "@elastic-attention/core";
import { type Backend, expectShape, fromBFloat16, newFloats, readFloats, toBFloat16 } from "@elastic-attention/tensor";
import { rowOf } from "../cache/head-slots.js";
import { cappedScore, expectAttentionScores } from "./attention-scores.js";
import { blockMaskFromHost } from "../patterns/block-mask.js";
import type { BlockMask } from "../patterns/block-pattern.js";
import type { XAttentionMode } from "../modes/attention-mode.js";
import { unpackedCache } from "./unpack-cache.js";
import type { XAttentionEstimateCall } from "./xattention-estimate.js";

/** The specification of the XAttention estimate, in the order of reference semantics 3.5. */
export function referenceXAttentionEstimate(call: XAttentionEstimateCall, backend: Backend): BlockMask {
  using scope = new MemoryScope();
  const { query, keyValueHeads, mode, scale = call.cache.headDim ** -0.5, softCap, roundToBFloat16 = false } = call;
  const cache = unpackedCache(backend, call.cache, "f32", scope);
  const [tokens, numQueryHeads, headDim] = [query.shape[0]!, query.shape[1] ?? -1, query.shape[2] ?? -1];
  expectShape("xattentionEstimate", "query", query, [tokens, numQueryHeads, cache.headDim]);
  expectAttentionScores("xattentionEstimate", { scale, softCap }, numQueryHeads);
  if (tokens !== cache.length) throw new ShapeError("xattentionEstimate: it needs the queries of every key.");
  const blocks = Math.ceil(tokens / mode.blockSize);
  const bytes = new Uint8Array(numQueryHeads * blocks * blocks);
  const group = numQueryHeads / cache.numKeyValueHeads;
  const round = roundToBFloat16 ? (value: number) => fromBFloat16(toBFloat16(value)) : Math.fround;
  const [q, k] = [readFloats(query), readFloats(cache.keys)];
  for (const keyValueHead of keyValueHeads) {
    const store = cache.heads[keyValueHead]!;
    if (store.type !== "all") throw new ShapeError("xattentionEstimate: the head has already dropped keys.");
    const keys = newFloats(query, tokens * headDim);
    for (let token = 0; token < tokens; token++) {
      const row = rowOf(cache, store, token, tokens);
      keys.set(k.subarray(row * headDim, (row + 1) * headDim), token * headDim);
    }
    for (let head = keyValueHead * group; head < (keyValueHead + 1) * group; head++) {
      const queries = { values: q, first: head * headDim, stride: numQueryHeads * headDim };
      const mass = blockMass(queries, keys, tokens, headDim, mode, (dot) => cappedScore((round(dot) * scale) / mode.stride, softCap), round);
      const rows = bytes.subarray(head * blocks * blocks, (head + 1) * blocks * blocks);
      for (let row = 0; row < blocks; row++) {
        selectBlocks(mass.subarray(row * blocks, (row + 1) * blocks), row, mode.threshold, rows.subarray(row * blocks));
      }
    }
  }
  return blockMaskFromHost(backend, bytes, { blockSize: mode.blockSize, numQueryHeads, keyBlocks: blocks });
}

type Floats = ReturnType<typeof readFloats>;

/** Steps 2 to 4: antidiagonal scores, softmax over causal key groups, mass of each block [blocks, blocks]. */
function blockMass(
  queries: { readonly values: Floats; readonly first: number; readonly stride: number },
  keys: Floats,
  tokens: number,
  headDim: number,
  { stride, blockSize }: Pick<XAttentionMode, "stride" | "blockSize">,
  scoreOf: (dot: number) => number,
  round: (value: number) => number,
): Float64Array {
  const groups = Math.ceil(tokens / stride);
  const groupsPerBlock = blockSize / stride;
  const blocks = Math.ceil(tokens / blockSize);
  const mass = new Float64Array(blocks * blocks);
  const scores = new Float64Array(groups);
  for (let a = 0; a < groups; a++) {
    let maximum = -Infinity;
    for (let b = 0; b <= a; b++) {
      let dot = 0;
      for (let m = 0; m < stride; m++) {
        const [queryToken, keyToken] = [a * stride + (stride - 1 - m), b * stride + m];
        if (queryToken >= tokens || keyToken >= tokens) continue;
        const at = queries.first + queryToken * queries.stride;
        for (let i = 0; i < headDim; i++) dot += queries.values[at + i]! * keys[keyToken * headDim + i]!;
      }
      scores[b] = scoreOf(dot);
      maximum = Math.max(maximum, scores[b]!);
    }
    let sum = 0;
    for (let b = 0; b <= a; b++) sum += scores[b] = Math.exp(scores[b]! - maximum);
    const row = Math.floor(a / groupsPerBlock) * blocks;
    for (let b = 0; b <= a; b++) mass[row + Math.floor(b / groupsPerBlock)]! += scores[b]! / sum;
  }
  return mass.map(round);
}

/**
 * Steps 5 and 6: the diagonal block always, then the heaviest others while the mass taken one block earlier stays below
 * threshold · row mass. The published code compares one block late, so one block more than needed is chosen, and it
 * adds block 0 at the end, outside of the count; every recorded mask shows both. Equal masses are taken by lower index.
 * Writes 1 for every chosen block of the row.
 */
export function selectBlocks(mass: ArrayLike<number>, row: number, threshold: number, chosen: Uint8Array): void {
  let total = 0;
  for (let block = 0; block <= row; block++) total += mass[block]!;
  const required = total * threshold;
  let late = 0;
  let taken = mass[row]!;
  const others = Array.from({ length: row }, (_, index) => index);
  others.sort((a, b) => mass[b]! - mass[a]! || a - b);
  for (const block of others) {
    if (!(late < required)) break;
    chosen[block] = 1;
    late = taken;
    taken += mass[block]!;
  }
  chosen[0] = chosen[row] = 1;
}
