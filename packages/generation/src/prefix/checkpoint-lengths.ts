import { leastBlocks } from "./prefix-cache.js";

/** Prompts longer than this have states on the way, so that a branch finds one before it. */
const longPrompt = 4096;
/** States on the way of one prompt at most: each keeps the window of every streaming head. */
const mostOnTheWay = 8;

/**
 * Lengths at which states of a prompt are kept: its last block boundary, the last one that leaves the same prompt something to
 * read, and, of a long prompt, some on the way.
 *
 * @param held tokens that are not read
 * @param isPinned a prompt whose every head keeps everything: its end serves every shorter length
 */
export function checkpointLengths(tokens: number, held: number, blockTokens: number, isPinned: boolean): number[] {
  const boundary = (length: number) => length - (length % blockTokens);
  const lengths = new Set([boundary(tokens)]);
  if (!isPinned) lengths.add(boundary(tokens - leastRead));
  const spacing = Math.max(longPrompt / 2, 2 ** Math.ceil(Math.log2(tokens / mostOnTheWay)));
  if (!isPinned && tokens > longPrompt) for (let length = spacing; length < tokens; length += spacing) lengths.add(boundary(length));
  const least = Math.max(held + 1, leastBlocks * blockTokens);
  return [...lengths].filter((length) => length >= least).toSorted((a, b) => a - b);
}

/** Tokens that are read in any case: the first answer token needs logits, and kernels sum a few rows in an order of their own. */
export const leastRead = 32;
