import { attentionMass, blockSearch, type CacheType, boundedPages, PagePool, selectPages, SequenceCache, xattentionEstimate } from "@elastic-attention/attention";
import { MemoryScope } from "@elastic-attention/core";
import type { Backend } from "@elastic-attention/tensor";
import { randomTensor } from "../../random-tensors.js";

const [tokens, headDim, queryHeads, keyValueHeads] = [700, 64, 4, [0, 1]] as const;
const scale = headDim ** -0.5;

/** What modes choose by, over a cache in 8 bits that lies in pages or in tensors of its own: numbers, and the blocks that are read. */
export interface RoundedChoices {
  readonly bounds: Float32Array;
  readonly mass: Float32Array;
  readonly pages: Uint8Array;
  readonly blocks: Uint8Array;
  readonly antidiagonals: Uint8Array;
}

export function roundedChoices(backend: Backend, cacheType: CacheType, paged: boolean): RoundedChoices {
  using scope = new MemoryScope();
  const pool = paged ? { pool: scope.track(new PagePool({ backend, headDim, dtype: "bf16", cacheType })) } : {};
  const caches = new SequenceCache({ backend, numLayers: 1, numKeyValueHeads: 2, headDim, dtype: "bf16", cacheType, ...pool });
  scope.track(caches);
  const keys = scope.track(randomTensor(backend, [tokens, 2, headDim], "bf16", 11, 2));
  caches.append(0, keys, keys);
  caches.advance(tokens);
  const cache = caches.layer(0);
  const query = scope.track(randomTensor(backend, [tokens, queryHeads, headDim], "bf16", 12, 2));
  const last = query.rows(tokens - 8, tokens);
  const mass = scope.track(backend.allocate([2, tokens], "f32"));
  backend.kernels.run(attentionMass, { query: last, cache, keyValueHeads, mass, scale });
  const bounds = scope.track(boundedPages(cache, 32, keyValueHeads));
  const choice = { sinkBlocks: 1, localBlocks: 2, budgetPages: 4, budgetParts: 0 };
  const pages = backend.kernels.run(selectPages, { query: last, cache, bounds, keyValueHeads, choice });
  const blocks = backend.kernels.run(blockSearch, { query, cache, keyValueHeads, blockSize: 64, stride: 16, alpha: 0.2, scale });
  const mode = { kind: "xattention", stride: 8, threshold: 0.8, blockSize: 64 } as const;
  const antidiagonals = backend.kernels.run(xattentionEstimate, { query, cache, keyValueHeads, mode, scale });
  for (const mask of [pages, blocks, antidiagonals]) scope.track(mask);
  // Where the bounds of a head's pages lie differs between pools; the first head's come first in tensors of their own.
  const held = paged ? new Float32Array(0) : bounds.rows.toFloat32().slice(0, Math.floor(tokens / 32) * 2 * headDim);
  return { bounds: held, mass: mass.toFloat32(), pages: pages.visited.download(), blocks: blocks.visited.download(), antidiagonals: antidiagonals.visited.download() };
}

/** Share of the places where two choices differ. */
export function differingShare(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((count, value, i) => count + (value === b[i] ? 0 : 1), 0) / a.length;
}
