import { ShapeError } from "@elastic-attention/core";
import type { AttentionMode } from "../modes/attention-mode.js";
import type { BlockPattern } from "../patterns/block-pattern.js";

/** One sequence's routing: [layer][kvHead] index into `modes`, of which `modes[0]` is the retrieval mode. */
export interface HeadMap {
  readonly modes: readonly AttentionMode[];
  readonly assignment: readonly ArrayLike<number>[];
}

/** MSR (paper eq. 4): share of key-value heads, over all layers, in another than the retrieval mode. */
export function modelSparsity({ assignment }: HeadMap): number {
  let heads = 0;
  let sparse = 0;
  for (const layer of assignment) {
    heads += layer.length;
    for (let head = 0; head < layer.length; head++) if (layer[head]! > 0) sparse += 1;
  }
  return heads === 0 ? 0 : sparse / heads;
}

/** Blocks that one head visited and could have visited in a prefill. */
export interface BlockCount {
  readonly visited: number;
  readonly causal: number;
}

/**
 * Blocks of one key-value head in a prefill of `tokens`, counted in blocks of `blockSize`, without walking over them: a
 * million tokens have 33 million pairs of blocks.
 *
 * A threshold is counted as if it skipped nothing: what it skips is known of the tensors alone.
 *
 * @param selectedBlocks for "selected": blocks that the head's query heads visit on average, in blocks of the pattern.
 * @throws ShapeError for a "selected" pattern without them
 */
export function countBlocks(pattern: BlockPattern, tokens: number, blockSize: number, selectedBlocks?: number): BlockCount {
  const causal = triangle(Math.ceil(tokens / blockSize));
  if (pattern.type === "full" || pattern.type === "threshold") return { visited: causal, causal };
  if (pattern.type === "selected" && selectedBlocks === undefined) {
    throw new ShapeError('countBlocks: a "selected" pattern is counted from the blocks that were selected.');
  }
  if (pattern.type === "sliding") return { visited: windowBlocks(Math.ceil(tokens / blockSize), slidingBlocks(pattern.windowTokens, blockSize)), causal };
  const ownBlocks = Math.ceil(tokens / pattern.blockSize);
  const visited = pattern.type === "selected" ? selectedBlocks! : windowBlocks(ownBlocks, pattern.sinkBlocks + pattern.localBlocks);
  return { visited: ownBlocks === 0 ? 0 : (visited / triangle(ownBlocks)) * causal, causal };
}

/** Blocks that the first query of a block sees something of: its own, and those that the window reaches back into. */
function slidingBlocks(windowTokens: number, blockSize: number): number {
  return 1 + Math.ceil((windowTokens - 1) / blockSize);
}

/**
 * Row i visits min(i + 1, window) blocks. The window of a streaming pattern is sink + local: where the two overlap, they
 * cover everything.
 */
function windowBlocks(rows: number, window: number): number {
  const growing = Math.min(rows, window);
  return triangle(growing) + (rows - growing) * window;
}

function triangle(rows: number): number {
  return (rows * (rows + 1)) / 2;
}

/** ESR over everything computed: 1 - visited blocks / causal blocks, over all heads of all layers. */
export function effectiveSparsity(counts: Iterable<BlockCount>): number {
  let visited = 0;
  let causal = 0;
  for (const count of counts) {
    visited += count.visited;
    causal += count.causal;
  }
  return causal === 0 ? 0 : 1 - visited / causal;
}
