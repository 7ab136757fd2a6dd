import { MemoryScope, ShapeError } from "@elastic-attention/core";
import { type Backend, defineOperation, expectShape, readFloats, type Tensor } from "@elastic-attention/tensor";
import { rowOf } from "../cache/head-slots.js";
import type { LayerCache } from "../cache/layer-cache.js";
import { blockMaskFromHost } from "../patterns/block-mask.js";
import type { BlockMask } from "../patterns/block-pattern.js";
import { type AttentionScores, cappedScore, expectAttentionScores } from "./attention-scores.js";
import { unpackedCache } from "./unpack-cache.js";

export interface BlockSearchCall extends Pick<AttentionScores, "scale" | "softCap"> {
  /** [tokens, numQueryHeads, headDim], rotated; tokens = `cache.length`. */
  readonly query: Tensor;
  /** Keys of the same tokens, every head asked for of store type "all". */
  readonly cache: LayerCache;
  /** Only these heads (and their query heads) choose. */
  readonly keyValueHeads: readonly number[];
  readonly blockSize: number;
  /** Every so many-th row of a query block looks for blocks, counted back from its last. */
  readonly stride: number;
  /** Blocks are read whose weight is at least this share of the row's largest; 0 to 1. */
  readonly alpha: number;
}

/**
 * Block search (FlashPrefill): rows of a query block are scored against the mean key of every block up to their own, and a block
 * is read where the weight of one of the rows reaches `alpha` of that row's largest, without sorting: a block that all rows look
 * at (a vertical), one that moves with them (a slash) and any other alike. The first and the diagonal block are always read. What
 * is not a number has a block read. The caller disposes the mask.
 */
export const blockSearch = defineOperation<BlockSearchCall, BlockMask>("blockSearch", (call, backend: Backend) => {
  using scope = new MemoryScope();
  const cache = unpackedCache(backend, call.cache, "f32", scope);
  const { query, keyValueHeads, blockSize, stride, alpha, scale, softCap } = call;
  const { tokens, numQueryHeads, group, blocks } = expectBlockSearch(call);
  const { headDim } = cache;
  const bytes = new Uint8Array(numQueryHeads * blocks * blocks);
  const [q, k] = [readFloats(query), readFloats(cache.keys)];
  const margin = Math.log(alpha);
  for (const keyValueHead of keyValueHeads) {
    const means = blockMeans(cache, keyValueHead, k, blockSize, blocks);
    for (let head = keyValueHead * group; head < (keyValueHead + 1) * group; head++) {
      for (let block = 0; block < blocks; block++) {
        const visited = bytes.subarray((head * blocks + block) * blocks, (head * blocks + block + 1) * blocks);
        for (let row = Math.min(tokens, (block + 1) * blockSize) - 1; row >= block * blockSize; row -= stride) {
          const at = (row * numQueryHeads + head) * headDim;
          const scores = Array.from({ length: block + 1 }, (_, other) => {
            let dot = 0;
            for (let i = 0; i < headDim; i++) dot += q[at + i]! * means[other * headDim + i]!;
            return cappedScore(dot * scale, softCap);
          });
          const largest = Math.max(...scores);
          for (const [other, score] of scores.entries()) if (!(score < largest + margin)) visited[other] = 1;
        }
        visited[0] = visited[block] = 1;
      }
    }
  }
  return blockMaskFromHost(backend, bytes, { blockSize, numQueryHeads, keyBlocks: blocks });
});

/** The mean key of each block, over the keys that it has. */
function blockMeans(cache: LayerCache, head: number, keys: ArrayLike<number>, blockSize: number, blocks: number): Float64Array {
  const { headDim, length } = cache;
  const means = new Float64Array(blocks * headDim);
  for (let token = 0; token < length; token++) {
    const row = rowOf(cache, cache.heads[head]!, token, length) * headDim;
    const block = Math.floor(token / blockSize);
    const count = Math.min(blockSize, length - block * blockSize);
    for (let i = 0; i < headDim; i++) means[block * headDim + i]! += keys[row + i]! / count;
  }
  return means;
}

/** Sizes of a search. @throws ShapeError where its parts do not fit together */
export function expectBlockSearch({ query, cache, keyValueHeads, blockSize, stride, alpha, scale, softCap }: BlockSearchCall) {
  const [tokens, numQueryHeads] = [query.shape[0]!, query.shape[1] ?? -1];
  expectShape("blockSearch", "query", query, [tokens, numQueryHeads, cache.headDim]);
  expectAttentionScores("blockSearch", { scale, softCap }, numQueryHeads);
  if (tokens !== cache.length) throw new ShapeError("blockSearch: it needs the queries of every key.");
  if (!(Number.isInteger(blockSize) && Number.isInteger(stride) && blockSize > 0 && stride > 0 && alpha >= 0 && alpha <= 1)) {
    throw new ShapeError(`blockSearch: blockSize ${blockSize}, stride ${stride} and alpha ${alpha} are no whole numbers above 0 and a share.`);
  }
  if (keyValueHeads.some((head) => cache.heads[head]?.type !== "all")) throw new ShapeError("blockSearch: a head has already dropped keys.");
  const group = numQueryHeads / cache.numKeyValueHeads;
  if (!Number.isInteger(group)) throw new ShapeError("blockSearch: query and cache do not fit together.");
  return { tokens, numQueryHeads, group, blocks: Math.ceil(tokens / blockSize) };
}
