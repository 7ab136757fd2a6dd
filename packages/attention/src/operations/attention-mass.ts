import { MemoryScope, ShapeError } from "@elastic-attention/core";
import { addDotProducts, type Backend, defineOperation, expectShape, newFloats, readFloats, type Tensor, writeFloats } from "@elastic-attention/tensor";
import { rowOf } from "../cache/head-slots.js";
import type { LayerCache } from "../cache/layer-cache.js";
import { type AttentionScores, cappedScore, expectAttentionScores } from "./attention-scores.js";
import { unpackedCache } from "./unpack-cache.js";

export interface AttentionMassCall extends Pick<AttentionScores, "scale" | "softCap"> {
  /** [rows, numQueryHeads, headDim], rotated: the last rows of the cache's positions. */
  readonly query: Tensor;
  readonly cache: LayerCache;
  /** Only these heads are looked at; each keeps all its tokens. */
  readonly keyValueHeads: readonly number[];
  /** f32 [keyValueHeads.length, cache.length]. */
  readonly mass: Tensor;
}

/**
 * The attention that the last rows of a sequence pay to each key, in full attention: the sum of its weights over the rows and
 * over the query heads of each key-value head. Summed in float32 at least.
 */
export const attentionMass = defineOperation<AttentionMassCall>("attentionMass", (call, backend: Backend) => {
  using scope = new MemoryScope();
  const cache = unpackedCache(backend, call.cache, "f32", scope);
  const { query, keyValueHeads, scale, softCap, mass } = call;
  const { rows, group } = expectMass(call);
  const { headDim, length } = cache;
  const [q, keys] = [readFloats(query), readFloats(cache.keys)];
  const sums = newFloats(query, mass.numElements);
  for (const [index, head] of keyValueHeads.entries()) {
    const places = Array.from({ length }, (_, position) => rowOf(cache, cache.heads[head]!, position, length) * headDim);
    for (let row = 0; row < rows; row++) {
      const seen = length - rows + row + 1;
      for (let member = 0; member < group; member++) {
        const dots = new Float64Array(seen);
        addDotProducts(q, ((row * query.shape[1]! + head * group + member) * headDim), keys, places.slice(0, seen), headDim, dots);
        const scores = dots.map((dot) => cappedScore(dot * scale, softCap));
        let maximum = -Infinity;
        for (const score of scores) maximum = Math.max(maximum, score);
        let total = 0;
        for (let key = 0; key < seen; key++) total += scores[key] = Math.exp(scores[key]! - maximum);
        for (let key = 0; key < seen; key++) sums[index * length + key]! += scores[key]! / total;
      }
    }
  }
  writeFloats(mass, sums);
});

/** Sizes of a call. @throws ShapeError where its parts do not fit together */
export function expectMass({ query, cache, keyValueHeads, mass, scale, softCap }: AttentionMassCall) {
  const [rows, numQueryHeads] = [query.shape[0]!, query.shape[1] ?? -1];
  expectShape("attentionMass", "query", query, [rows, numQueryHeads, cache.headDim]);
  expectShape("attentionMass", "mass", mass, [keyValueHeads.length, cache.length]);
  expectAttentionScores("attentionMass", { scale, softCap }, numQueryHeads);
  if (mass.dtype !== "f32") throw new ShapeError(`attentionMass: mass is f32, found ${mass.dtype}.`);
  const group = numQueryHeads / cache.numKeyValueHeads;
  if (!Number.isInteger(group) || rows > cache.length) throw new ShapeError("attentionMass: query and cache do not fit together.");
  if (keyValueHeads.some((head) => cache.heads[head]?.type !== "all")) throw new ShapeError("attentionMass: a head has already dropped keys.");
  return { rows, numQueryHeads, group };
}
