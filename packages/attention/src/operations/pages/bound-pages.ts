import { MemoryScope } from "@elastic-attention/core";
import { type Backend, defineOperation, expectShape, newFloats, readFloats, writeFloats } from "@elastic-attention/tensor";
import { rowOf } from "../../cache/head-slots.js";
import type { LayerCache } from "../../cache/layer-cache.js";
import type { PageBounds } from "../../cache/bounds/page-bounds.js";
import { unpackedCache } from "../unpack-cache.js";

export interface BoundPagesCall {
  /** Keys, and where each head's tokens lie; every head asked for keeps all of them. */
  readonly cache: LayerCache;
  readonly bounds: PageBounds;
  readonly keyValueHeads: readonly number[];
  /** Pages [firstPage, endPage) of each head, all complete. */
  readonly firstPage: number;
  readonly endPage: number;
}

/**
 * Largest and smallest value of every dimension over the keys of a page: what {@link selectPages} bounds q · k by. A dimension
 * that holds a NaN has NaN bounds. Exact where the keys are of the bounds' type.
 */
export const boundPages = defineOperation<BoundPagesCall>("boundPages", ({ cache, bounds, keyValueHeads, firstPage, endPage }, backend: Backend) => {
  const { headDim, length } = cache;
  const { pageTokens, rows } = bounds;
  expectBounds("boundPages", cache, bounds);
  using scope = new MemoryScope();
  const floats = unpackedCache(backend, cache, "f32", scope);
  const keys = readFloats(floats.keys);
  for (const head of keyValueHeads) {
    for (let page = firstPage; page < endPage; page++) {
      const first = rowOf(floats, floats.heads[head]!, page * pageTokens, length);
      const both = newFloats(rows, 2 * headDim);
      for (let i = 0; i < headDim; i++) {
        const values = Array.from({ length: pageTokens }, (_, token) => keys[(first + token) * headDim + i]!);
        both[i] = Math.max(...values);
        both[headDim + i] = Math.min(...values);
      }
      const row = boundsRow(cache, head, page, pageTokens, length);
      writeFloats(rows.rows(row, row + 1), both);
    }
  }
});

/** @throws ShapeError in the operation's name, for bounds that do not belong to the cache */
export function expectBounds(operation: string, { headDim, keys }: Pick<LayerCache, "headDim" | "keys">, { pageTokens, rows }: PageBounds): void {
  expectShape(operation, "bounds", rows, [Math.ceil(keys.shape[0]! / pageTokens), 2 * headDim]);
}

/** Bounds of a page: where they lie among the bounds of all rows. */
export function boundsRow(cache: LayerCache, head: number, page: number, pageTokens: number, length: number): number {
  return Math.floor(rowOf(cache, cache.heads[head]!, page * pageTokens, length) / pageTokens);
}

