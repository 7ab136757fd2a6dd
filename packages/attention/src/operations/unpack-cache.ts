import { type MemoryScope, ShapeError } from "@elastic-attention/core";
import { type Backend, defineOperation, expectShape, type FloatDType, type Tensor, writeFloats } from "@elastic-attention/tensor";
import { retainedRanges, slotOf, rowOf } from "../cache/head-slots.js";
import type { HeadStore, LayerCache } from "../cache/layer-cache.js";
import { roundedRowValues } from "../cache/rounded/rounded-row.js";

export interface UnpackCacheCall {
  /** A cache whose rows are rounded (`cacheType`). */
  readonly cache: LayerCache;
  /** Floats [rows, headDim]: slot s of a head goes to row `heads[head].firstSlot + s`. */
  readonly keys: Tensor;
  readonly values: Tensor;
  /** The cache's stores at other places. */
  readonly heads: readonly HeadStore[];
}

/** Writes what the heads of a rounded cache hold as floats; rows of slots that hold nothing are left alone. */
export const unpackCache = defineOperation<UnpackCacheCall>("unpackCache", ({ cache, keys, values, heads }) => {
  const { headDim, length, cacheType } = cache;
  if (cacheType === undefined) throw new ShapeError("unpackCache: the cache holds floats already.");
  expectShape("unpackCache", "keys", keys, [-1, headDim]);
  expectShape("unpackCache", "values", values, keys.shape);
  for (const [source, target] of [[cache.keys, keys], [cache.values, values]] as const) {
    const bytes = source.download();
    for (const [head, store] of cache.heads.entries()) {
      for (const [start, end] of retainedRanges(store, length)) {
        for (let position = start; position < end; position++) {
          const from = rowOf(cache, store, position, length) * source.rowLength;
          const row = slotOf(heads[head]!, position, length);
          writeFloats(target.rows(row, row + 1), roundedRowValues(bytes.subarray(from, from + source.rowLength), headDim, cacheType));
        }
      }
    }
  }
});

/**
 * A layer of a rounded cache as floats, without pages; a layer of floats itself.
 * @param scope owns its memory
 * @throws OutOfMemoryError
 */
export function unpackedCache(backend: Backend, cache: LayerCache, dtype: FloatDType, scope: MemoryScope): LayerCache {
  if (cache.cacheType === undefined) return cache;
  const { numKeyValueHeads, headDim, length } = cache;
  let firstSlot = 0;
  const heads = cache.heads.map((store) => {
    const moved = { ...store, firstSlot };
    firstSlot += store.numSlots;
    return moved;
  });
  const [keys, values] = [0, 1].map(() => scope.track(backend.allocate([firstSlot, headDim], dtype))) as [Tensor, Tensor];
  backend.kernels.run(unpackCache, { cache, keys, values, heads });
  return { numKeyValueHeads, headDim, length, keys, values, heads };
}
