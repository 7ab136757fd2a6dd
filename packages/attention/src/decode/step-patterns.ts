import type { Tensor } from "@elastic-attention/tensor";
import type { LayerCache } from "../cache/layer-cache.js";
import type { SequenceCache } from "../cache/sequence-cache.js";
import { shortenedCache } from "../cache/shortened-cache.js";
import { chooseBlocksOfHeads } from "../modes/choose-blocks.js";
import type { AttentionScores } from "../operations/attention-scores.js";
import { knownPatterns, type KnownPatterns } from "../patterns/head-patterns.js";

/** What a sequence's heads read in one decode step, with the blocks that this step's query chose. */
export interface StepPatterns extends Disposable {
  readonly cache: LayerCache;
  readonly routing: KnownPatterns;
}

/**
 * The patterns of one sequence in a decode step; heads whose pattern is "selected" choose their blocks by the query.
 *
 * @param view the layer with the step's token
 * @param query [tokens, numQueryHeads, headDim] of this sequence, rotated
 */
export function stepPatterns(
  cache: SequenceCache,
  layer: number,
  view: LayerCache,
  query: Tensor,
  { scale, softCap }: Pick<AttentionScores, "scale" | "softCap">,
): StepPatterns {
  const { patterns } = cache.decodePatterns(layer);
  if (patterns.every(({ type }) => type !== "selected")) return { cache: view, routing: knownPatterns(patterns), [Symbol.dispose]: () => {} };
  cache.boundPages(layer, view.length);
  const bounded: LayerCache = { ...shortenedCache(view, view.length), bounds: cache.layer(layer).bounds };
  const modes = cache.modes(layer)!;
  const mask = chooseBlocksOfHeads(modes, patterns, { layer, query, cache: bounded, scale, softCap });
  return { cache: bounded, routing: knownPatterns(patterns, mask), [Symbol.dispose]: () => mask?.[Symbol.dispose]() };
}
