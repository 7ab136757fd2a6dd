import { ShapeError } from "@elastic-attention/core";
import { expectShape, readFloats, type Tensor, writeFloats } from "@elastic-attention/tensor";
import type { LayerCache } from "../cache/layer-cache.js";
import type { AttentionBackwardCall } from "./attention-backward.js";
import { attentionRows } from "../operations/attention-rows.js";
import { cappedScore, expectAttentionScores } from "../operations/attention-scores.js";
import { type CacheGradients, expectCacheGradients } from "./cache-gradients.js";
import type { AttentionSequence } from "../operations/hybrid-attention.js";

/** The specification of attention's backward: row after row, sums in float64, rounded once at the end. */
export function referenceAttentionBackward(call: AttentionBackwardCall): void {
  const { query, output, logSumExp, outputGradient, queryGradient, sequences, cacheGradients } = call;
  const [tokens, numQueryHeads, headDim] = [query.shape[0]!, query.shape[1] ?? -1, query.shape[2] ?? -1];
  expectShape("attentionBackward", "query", query, [tokens, numQueryHeads, headDim]);
  for (const [name, tensor] of Object.entries({ output, outputGradient, queryGradient })) {
    expectShape("attentionBackward", name, tensor, query.shape);
  }
  expectShape("attentionBackward", "logSumExp", logSumExp, [tokens, numQueryHeads]);
  expectAttentionScores("attentionBackward", call, numQueryHeads);
  expectCacheGradients(sequences, cacheGradients);
  for (const [index, sequence] of sequences.entries()) backwardSequence(call, sequence, cacheGradients[index]!);
}

function backwardSequence(call: AttentionBackwardCall, sequence: AttentionSequence, gradients: CacheGradients): void {
  const { scale, softCap, accumulate = false } = call;
  const { start, length, cache } = sequence;
  const [numQueryHeads, headDim] = [call.query.shape[1]!, call.query.shape[2]!];
  const rowsOf = (tensor: Tensor) => tensor.rows(start, start + length);
  const [q, o, lse, dO] = [call.query, call.output, call.logSumExp, call.outputGradient].map((t) => readFloats(rowsOf(t)));
  const [keys, values] = [readFloats(cache.keys), readFloats(cache.values)];
  const [dQ, dK, dV] = [new Float64Array(q!.length), new Float64Array(keys.length), new Float64Array(values.length)];
  for (const { queryHead, pattern, row, slots } of attentionRows("attentionBackward", call.query, sequence)) {
    if (pattern.type === "threshold") throw new ShapeError("attentionBackward: a threshold on tiles has no gradient.", "Read everything, or by blocks.");
    const index = row * numQueryHeads + queryHead;
    const at = index * headDim;
    if (slots.length === 0) continue;
    let delta = 0;
    for (let i = at; i < at + headDim; i++) delta += dO![i]! * o![i]!;
    for (const slot of slots) {
      const kt = slot * headDim;
      // Two sums side by side: neither waits for the other's additions.
      let [product, projected] = [0, 0];
      for (let i = 0; i < headDim; i++) {
        product += q![at + i]! * keys[kt + i]!;
        projected += dO![at + i]! * values[kt + i]!;
      }
      const score = cappedScore(product * scale, softCap);
      const slope = softCap === undefined ? 1 : 1 - (score / softCap) ** 2;
      const probability = Math.exp(score - lse![index]!);
      const scoreGradient = probability * (projected - delta) * slope * scale;
      for (let i = 0; i < headDim; i++) {
        dV[kt + i]! += probability * dO![at + i]!;
        dQ[at + i]! += scoreGradient * keys[kt + i]!;
        dK[kt + i]! += scoreGradient * q![at + i]!;
      }
    }
  }
  put(rowsOf(call.queryGradient), dQ, accumulate);
  putRetained(gradients.keys, dK, cache, accumulate);
  putRetained(gradients.values, dV, cache, accumulate);
}

/** The rows of a cache's gradient that stand for tokens. */
function putRetained(target: Tensor, gradient: Float64Array, cache: LayerCache, accumulate: boolean): void {
  for (const { firstSlot } of cache.heads) {
    const end = firstSlot + cache.length;
    put(target.rows(firstSlot, end), gradient.subarray(firstSlot * cache.headDim, end * cache.headDim), accumulate);
  }
}

function put(target: Tensor, gradient: Float64Array, accumulate: boolean): void {
  if (!accumulate) return writeFloats(target, gradient);
  const before = readFloats(target);
  writeFloats(target, gradient.map((value, i) => value + before[i]!));
}
