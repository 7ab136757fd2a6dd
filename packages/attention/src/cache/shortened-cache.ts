import type { LayerCache } from "./layer-cache.js";

/** The same layer when it had, or will have, `length` tokens: for calls whose queries are not the last ones. It must hold them. */
export function shortenedCache({ numKeyValueHeads, headDim, keys, values, heads, pages, cacheType }: LayerCache, length: number): LayerCache {
  return { numKeyValueHeads, headDim, keys, values, heads, length, ...(pages === undefined ? {} : { pages }), ...(cacheType === undefined ? {} : { cacheType }) };
}
