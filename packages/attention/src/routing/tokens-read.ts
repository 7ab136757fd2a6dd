import type { AttentionMode } from "../modes/attention-mode.js";
import { attentionModeDefinition } from "../modes/mode-registry.js";
import { candidatesEnd, chosenPages } from "../patterns/page-choice.js";
import { visitedRanges } from "../patterns/visited-blocks.js";

/**
 * Keys and values that a head in a mode reads for one decoded token, counted in tokens of the head, when the sequence has
 * `length` of them, its own included. A page's bounds are as large as one token's key and value, and count.
 */
export function tokensRead(mode: AttentionMode, length: number): number {
  const pattern = attentionModeDefinition(mode).decodePattern(mode);
  const position = length - 1;
  if (pattern.type !== "selected") return visitedRanges(pattern, position).reduce((sum, [start, end]) => sum + end - start, 0);
  const { pages, blockSize } = pattern;
  if (pages === undefined) return length;
  const block = Math.floor(position / blockSize);
  const candidates = Math.max(0, candidatesEnd(pages, block) - pages.sinkBlocks);
  const chosen = chosenPages(pages, blockSize, length, candidates);
  return length - (candidates - chosen) * blockSize + (chosen < candidates ? candidates : 0);
}
