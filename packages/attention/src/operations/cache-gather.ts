import { ShapeError } from "@elastic-attention/core";
import { defineOperation, expectShape, newFloats, readFloats, type Tensor, writeFloats } from "@elastic-attention/tensor";
import { rowOf } from "../cache/head-slots.js";
import type { LayerCache } from "../cache/layer-cache.js";

export interface CacheGatherCall {
  /** Rows as a cache holds them, for example the gradients of a cache: `length` counts the gathered tokens too. */
  readonly cache: LayerCache;
  /** Receives the last `tokens` positions of `cache.keys`: [tokens, numKeyValueHeads, headDim]; left out, none are read. */
  readonly keys?: Tensor;
  /** The same of `cache.values`. */
  readonly values?: Tensor;
}

/**
 * Reads a cache back: head-major rows to [tokens, numKeyValueHeads, headDim]. With the gradients of a cache's keys and
 * values it is the gradient of `cacheAppend`.
 * @throws ShapeError for positions that a ring has dropped
 */
export const cacheGather = defineOperation<CacheGatherCall>("cacheGather", ({ cache, keys, values }) => {
  const { numKeyValueHeads, headDim, length } = cache;
  for (const [name, source, target] of [["keys", cache.keys, keys], ["values", cache.values, values]] as const) {
    if (target === undefined) continue;
    const tokens = target.shape[0]!;
    expectShape("cacheGather", name, target, [tokens, numKeyValueHeads, headDim]);
    if (tokens > length) throw new ShapeError(`cacheGather: ${tokens} tokens asked for, the cache holds ${length}.`);
    const rows = readFloats(source);
    const gathered = newFloats(target, target.numElements);
    for (const [head, store] of cache.heads.entries()) {
      for (let token = 0; token < tokens; token++) {
        const row = rowOf(cache, store, length - tokens + token, length);
        gathered.set(rows.subarray(row * headDim, (row + 1) * headDim), (token * numKeyValueHeads + head) * headDim);
      }
    }
    writeFloats(target, gathered);
  }
});
