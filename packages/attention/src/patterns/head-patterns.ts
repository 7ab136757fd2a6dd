import type { Tensor } from "@elastic-attention/tensor";
import type { BlockMask, BlockPattern } from "./block-pattern.js";

/**
 * What the key-value heads of one sequence read in an attention call: patterns that the host knows, or a decision among
 * a few that a device has made, or will have made before what is issued from now on.
 */
export type HeadPatterns = KnownPatterns | PatternDecision;

export interface KnownPatterns {
  readonly type: "patterns";
  /** One for each key-value head. */
  readonly patterns: readonly BlockPattern[];
  /** Needed when a pattern is "selected". */
  readonly mask?: BlockMask;
}

/** Patterns that stay on the device: a kernel takes them from there. */
export interface PatternDecision {
  readonly type: "decision";
  /** u8 [rows, kvHeads]: index of each head's pattern in `choices`. */
  readonly assignment: Tensor;
  /** The sequence's row. */
  readonly row: number;
  /** One to {@link mostPatternChoices}; none is "selected", and no head of the cache has a ring. */
  readonly choices: readonly BlockPattern[];
}

/** Choices that a kernel takes at the most. */
export const mostPatternChoices = 4;

/** Patterns that the host knows, with the blocks of those that are "selected". */
export function knownPatterns(patterns: readonly BlockPattern[], mask?: BlockMask): KnownPatterns {
  return { type: "patterns", patterns, ...(mask === undefined ? {} : { mask }) };
}

/** Every head over everything. */
export function fullPatterns(numKeyValueHeads: number): KnownPatterns {
  return knownPatterns(Array.from({ length: numKeyValueHeads }, () => ({ type: "full" })));
}

/** The patterns on the host; for a decision this waits for the device. */
export function waitForPatterns(routing: HeadPatterns): KnownPatterns {
  if (routing.type === "patterns") return routing;
  const { assignment, row, choices } = routing;
  return knownPatterns(Array.from(assignment.rows(row, row + 1).download(), (choice) => choices[choice]!));
}

/** How many key-value heads they speak of. */
export function numPatternHeads(routing: HeadPatterns): number {
  return routing.type === "patterns" ? routing.patterns.length : (routing.assignment.shape[1] ?? -1);
}
