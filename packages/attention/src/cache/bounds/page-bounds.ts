import type { FloatDType, Tensor } from "@elastic-attention/tensor";
import { boundPages } from "../../operations/pages/bound-pages.js";
import type { LayerCache } from "../layer-cache.js";

/**
 * Bounds of the keys of pages, beside the keys themselves: the page of rows r to r + pageTokens of a cache's tensors has its
 * bounds in row r div pageTokens. Only complete pages have some.
 */
export interface PageBounds {
  /** 16, 32 or 64. */
  readonly pageTokens: number;
  /** [rows of the keys / pageTokens, rounded up; 2 · headDim] in the type that is computed in: largest values, then smallest. */
  readonly rows: Tensor;
}

/** Complete pages of so many tokens. */
export function completePages(tokens: number, pageTokens: number): number {
  return Math.floor(tokens / pageTokens);
}

/** Memory for the bounds of all pages that a cache's keys have room for. @throws OutOfMemoryError */
export function allocateBounds({ keys, headDim }: Pick<LayerCache, "keys" | "headDim">, pageTokens: number, dtype: FloatDType): PageBounds {
  return { pageTokens, rows: keys.backend.allocate([Math.ceil(keys.shape[0]! / pageTokens), 2 * headDim], dtype) };
}

/** Bounds of a cache's complete pages: its own where it keeps them, else made for the time of the call. */
export function boundedPages(cache: LayerCache, pageTokens: number, keyValueHeads: readonly number[]): PageBounds & Disposable {
  const { bounds, keys, length } = cache;
  if (bounds?.pageTokens === pageTokens) return { ...bounds, [Symbol.dispose]: () => {} };
  const made = allocateBounds(cache, pageTokens, cache.cacheType === undefined ? (keys.dtype as FloatDType) : "f32");
  try {
    keys.backend.kernels.run(boundPages, { cache, bounds: made, keyValueHeads, firstPage: 0, endPage: completePages(length, pageTokens) });
    return { ...made, [Symbol.dispose]: () => made.rows.dispose() };
  } catch (error) {
    made.rows.dispose();
    throw error;
  }
}
