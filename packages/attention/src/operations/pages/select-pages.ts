import { ShapeError } from "@elastic-attention/core";
import { type Backend, defineOperation, expectShape, readFloats, type Tensor } from "@elastic-attention/tensor";
import type { LayerCache } from "../../cache/layer-cache.js";
import type { PageBounds } from "../../cache/bounds/page-bounds.js";
import { blockMaskFromHost } from "../../patterns/block-mask.js";
import type { BlockMask } from "../../patterns/block-pattern.js";
import { candidatesEnd, chosenPages, type PageChoice } from "../../patterns/page-choice.js";
import { boundsRow, expectBounds } from "./bound-pages.js";

export interface SelectPagesCall {
  /** [rows, numQueryHeads, headDim], rotated: the last rows of the cache's positions. */
  readonly query: Tensor;
  readonly cache: LayerCache;
  /** Of every complete page of the heads asked for. */
  readonly bounds: PageBounds;
  /** Only these heads (and their query heads) choose; each keeps all its tokens. */
  readonly keyValueHeads: readonly number[];
  readonly choice: PageChoice;
}

/**
 * The pages that queries read: sink, window, and of the others the best by the largest upper bound Σ max(qᵢ · maxᵢ, qᵢ · minᵢ)
 * over the query heads of a key-value head and the rows of a query block, which choose together. Of equal bounds the lower page
 * comes first; a page whose bound is not a number comes before all, so that what is wrong with it is seen. The caller disposes
 * the mask.
 */
export const selectPages = defineOperation<SelectPagesCall, BlockMask>("selectPages", referenceSelectPages);

function referenceSelectPages(call: SelectPagesCall, backend: Backend): BlockMask {
  const { query, cache, bounds, keyValueHeads, choice } = call;
  const { pageTokens } = bounds;
  const { numQueryHeads, group, firstBlock, keyBlocks } = expectSelection(call);
  const { headDim, length } = cache;
  const queryBlocks = keyBlocks - firstBlock;
  const bytes = new Uint8Array(numQueryHeads * queryBlocks * keyBlocks);
  const [q, limits] = [readFloats(query), readFloats(bounds.rows)];
  for (const head of keyValueHeads) {
    for (let block = firstBlock; block < keyBlocks; block++) {
      const first = choice.sinkBlocks;
      const candidates = Math.max(0, candidatesEnd(choice, block) - first);
      const scores = Array.from({ length: candidates }, (_, index) => {
        const at = boundsRow(cache, head, first + index, pageTokens, length) * 2 * headDim;
        return blockBound(call, q, limits.subarray(at, at + 2 * headDim), head * group, group, block);
      });
      const order = scores.map((_, index) => index).sort((a, b) => (scores[a] === scores[b] ? a - b : scores[b]! - scores[a]!));
      const chosen = new Set(order.slice(0, chosenPages(choice, pageTokens, length, candidates)).map((index) => first + index));
      for (let member = 0; member < group; member++) {
        const row = ((head * group + member) * queryBlocks + block - firstBlock) * keyBlocks;
        for (let page = 0; page <= block; page++) {
          const isFixed = page < choice.sinkBlocks || page > block - choice.localBlocks;
          if (isFixed || chosen.has(page)) bytes[row + page] = 1;
        }
      }
    }
  }
  return blockMaskFromHost(backend, bytes, { blockSize: pageTokens, numQueryHeads, keyBlocks });
}

/** The largest bound of a page over the rows of a query block and the query heads of a group; not a number counts as infinite. */
function blockBound({ query, cache, bounds }: SelectPagesCall, q: ArrayLike<number>, limits: ArrayLike<number>, firstHead: number, group: number, block: number): number {
  const [rows, numQueryHeads, headDim] = query.shape as [number, number, number];
  const offset = cache.length - rows;
  let best = -Infinity;
  for (let row = Math.max(0, block * bounds.pageTokens - offset); row < Math.min(rows, (block + 1) * bounds.pageTokens - offset); row++) {
    for (let member = 0; member < group; member++) {
      const at = (row * numQueryHeads + firstHead + member) * headDim;
      let bound = 0;
      for (let i = 0; i < headDim; i++) bound += Math.max(q[at + i]!, 0) * limits[i]! + Math.min(q[at + i]!, 0) * limits[headDim + i]!;
      best = Math.max(best, Number.isNaN(bound) ? Infinity : bound);
    }
  }
  return best;
}

/** Sizes of a selection. @throws ShapeError where query, cache and bounds do not fit together */
export function expectSelection({ query, cache, bounds, keyValueHeads }: SelectPagesCall) {
  const [rows, numQueryHeads] = [query.shape[0]!, query.shape[1] ?? -1];
  expectShape("selectPages", "query", query, [rows, numQueryHeads, cache.headDim]);
  expectBounds("selectPages", cache, bounds);
  const group = numQueryHeads / cache.numKeyValueHeads;
  if (!Number.isInteger(group) || rows > cache.length) throw new ShapeError("selectPages: query and cache do not fit together.");
  if (keyValueHeads.some((head) => cache.heads[head]?.type !== "all")) throw new ShapeError("selectPages: a head has already dropped keys.");
  const keyBlocks = Math.ceil(cache.length / bounds.pageTokens);
  return { numQueryHeads, group, keyBlocks, firstBlock: Math.floor((cache.length - rows) / bounds.pageTokens) };
}
