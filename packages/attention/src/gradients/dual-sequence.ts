import type { BlockMask, BlockPattern } from "../patterns/block-pattern.js";
import type { AttentionSequence } from "../operations/hybrid-attention.js";

/** The part of one sequence in a dual call: `patterns` and `mask` are those of the sparse side. */
export interface DualAttentionSequence extends AttentionSequence {
  /** Pattern of each key-value head on the full side, where that is itself a selection (XA-SSA). Default: all full. */
  readonly retrievalPatterns?: readonly BlockPattern[];
  /** Needed when a retrieval pattern is "selected". */
  readonly retrievalMask?: BlockMask;
}

/** The full side of a dual call's sequence, as a hybrid call takes it. */
export function retrievalSide(sequence: DualAttentionSequence): AttentionSequence {
  const { start, length, cache, retrievalPatterns, retrievalMask } = sequence;
  const patterns = retrievalPatterns ?? cache.heads.map(() => ({ type: "full" }) as const);
  return { start, length, cache, patterns, ...(retrievalMask === undefined ? {} : { mask: retrievalMask }) };
}
