import type { AttentionSequence } from "../operations/hybrid-attention.js";
import { fullPatterns, type HeadPatterns } from "../patterns/head-patterns.js";

/** The part of one sequence in a dual call: `routing` is that of the sparse side. */
export interface DualAttentionSequence extends AttentionSequence {
  /** What each key-value head reads on the full side, where that is itself a selection (XA-SSA). Default: everything. */
  readonly retrieval?: HeadPatterns;
}

/** The full side of a dual call's sequence, as a hybrid call takes it. */
export function retrievalSide({ start, length, cache, retrieval }: DualAttentionSequence): AttentionSequence {
  return { start, length, cache, routing: retrieval ?? fullPatterns(cache.numKeyValueHeads) };
}
