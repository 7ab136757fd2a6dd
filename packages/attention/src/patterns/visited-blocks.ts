import type { BlockMask, BlockPattern } from "./block-pattern.js";

/** Tokens a block pattern counts in; those without blocks of their own count in single tokens. */
export function patternBlockSize(pattern: BlockPattern): number {
  return "blockSize" in pattern ? pattern.blockSize : 1;
}

/**
 * Whether query block `queryBlock` reads key block `keyBlock` (both counted from position 0): V(i) of the published
 * streaming kernel, { j <= i and (j < sink or j > i - local) }, or the chosen blocks of a mask row.
 *
 * @param maskRow for "selected": the row of the mask for this query head and query block.
 */
export function visitsBlock(
  pattern: BlockPattern,
  queryBlock: number,
  keyBlock: number,
  maskRow?: ArrayLike<number>,
): boolean {
  if (keyBlock > queryBlock) return false;
  switch (pattern.type) {
    case "full":
    case "threshold":
      return true;
    case "streaming":
      return keyBlock < pattern.sinkBlocks || keyBlock > queryBlock - pattern.localBlocks;
    case "sliding":
      return keyBlock > queryBlock - pattern.windowTokens;
    case "selected":
      return maskRow?.[keyBlock] === 1;
  }
}

/**
 * Key ranges [start, end) that the query at `position` reads, ascending and merged, causal limit included; of a threshold the
 * keys whose scores are looked at.
 *
 * @param maskRow see {@link visitsBlock}.
 */
export function visitedRanges(
  pattern: BlockPattern,
  position: number,
  maskRow?: ArrayLike<number>,
): (readonly [start: number, end: number])[] {
  if (pattern.type === "full" || pattern.type === "threshold") return [[0, position + 1]];
  if (pattern.type === "sliding") return [[Math.max(0, position + 1 - pattern.windowTokens), position + 1]];
  const { blockSize } = pattern;
  const queryBlock = Math.floor(position / blockSize);
  const ranges: [number, number][] = [];
  for (let block = 0; block <= queryBlock; block++) {
    if (!visitsBlock(pattern, queryBlock, block, maskRow)) continue;
    const start = block * blockSize;
    const end = Math.min(start + blockSize, position + 1);
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === start) last[1] = end;
    else ranges.push([start, end]);
  }
  return ranges;
}

/** The row of a mask for one query head and absolute query block; `visited` is the mask's downloaded bytes. */
export function maskRow(mask: BlockMask, visited: Uint8Array, queryHead: number, queryBlock: number): Uint8Array {
  const firstBlock = mask.keyBlocks - mask.queryBlocks;
  const row = queryHead * mask.queryBlocks + (queryBlock - firstBlock);
  return visited.subarray(row * mask.keyBlocks, (row + 1) * mask.keyBlocks);
}
