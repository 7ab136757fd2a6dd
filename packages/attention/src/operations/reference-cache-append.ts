import { ShapeError } from "@elastic-attention/core";
import { expectShape, readFloats, writeFloats } from "@elastic-attention/tensor";
import { rowOf, slotOf } from "../cache/head-slots.js";
import { roundedRow } from "../cache/rounded/rounded-row.js";
import type { CacheAppendCall } from "./cache-append.js";

/** The specification of cache append: token after token, so that the last token of a ring slot stays. */
export function referenceCacheAppend({ keys, values, cache }: CacheAppendCall): void {
  const tokens = keys.shape[0]!;
  const { numKeyValueHeads, headDim, length } = cache;
  expectShape("cacheAppend", "keys", keys, [tokens, numKeyValueHeads, headDim]);
  expectShape("cacheAppend", "values", values, keys.shape);
  for (const [source, target] of [[keys, cache.keys], [values, cache.values]] as const) {
    const rows = readFloats(source);
    for (const [head, store] of cache.heads.entries()) {
      for (let token = 0; token < tokens; token++) {
        const position = length + token;
        if (slotOf(store, position, position + 1) >= store.firstSlot + store.numSlots) throw new ShapeError("cacheAppend: no room left in the cache.");
        const at = (token * numKeyValueHeads + head) * headDim;
        const row = rowOf(cache, store, position, position + 1);
        const values = rows.subarray(at, at + headDim);
        if (cache.cacheType === undefined) writeFloats(target.rows(row, row + 1), values);
        else target.backend.write(target.rows(row, row + 1), roundedRow(values, cache.cacheType));
      }
    }
  }
}
