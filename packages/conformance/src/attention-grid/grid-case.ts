import type { BlockPattern } from "@elastic-attention/attention";
import type { FloatDType } from "@elastic-attention/tensor";

/** One attention call of the grid: sequences over caches that keep all tokens, each key-value head by its own pattern. */
export interface GridCase {
  /** What the case is about, where its numbers do not say it. */
  readonly name: string;
  readonly headDim: number;
  /** Query heads of a key-value head. */
  readonly group: number;
  /** (queries, keys) of each sequence; the queries are its last positions. */
  readonly lengths: readonly (readonly [queries: number, keys: number])[];
  /** For each sequence, one pattern for each key-value head. */
  readonly patterns: readonly (readonly BlockPattern[])[];
  readonly dtype: FloatDType;
  /** Standard deviation of queries and keys. */
  readonly magnitude: number;
  readonly softCap?: number;
  /** Repeated over the query heads. */
  readonly sinkLogits?: readonly number[];
}

export interface ForwardCase extends GridCase {
  /** Full attention beside that of the patterns, as `dualAttention`. */
  readonly dual: boolean;
}

export interface BackwardCase extends GridCase {
  readonly gradientDType: FloatDType;
  readonly accumulate: boolean;
  readonly deterministic: boolean;
}

/** Which part of the grid a backend runs. */
export interface GridSize {
  readonly headDims: readonly number[];
  readonly dtypes: readonly FloatDType[];
  /** Without the long sequences and most combinations, for backends without a GPU. */
  readonly small?: boolean;
}

export const full: BlockPattern = { type: "full" };
export const selected: BlockPattern = { type: "selected", blockSize: 128 };
export function streaming(sinkBlocks: number, localBlocks: number, blockSize = 128): BlockPattern {
  return { type: "streaming", sinkBlocks, localBlocks, blockSize };
}

export function sliding(windowTokens: number): BlockPattern {
  return { type: "sliding", windowTokens };
}

/** Key-value heads of a case. */
export function keyValueHeads({ patterns }: GridCase): number {
  return patterns[0]!.length;
}

/** Appends to a cache: (queries, keys). */
export const forwardAppends = [[1, 147], [113, 203], [128, 217], [1023, 1024], [1, 3000], [300, 3001]] as const;
export const backwardAppends = [[1, 147], [113, 203], [128, 217], [1023, 1024], [1, 1000], [300, 1501]] as const;
export const appendGroups = [1, 3, 4, 7, 8] as const;

export function titleOf({ name, headDim, group, lengths, patterns, dtype, softCap, sinkLogits }: GridCase): string {
  const spans = lengths.map(([queries, keys]) => (queries === keys ? `${keys}` : `${queries} of ${keys}`)).join(", ");
  const kinds = patterns.map((heads) => heads.map(patternTitle).join(" ")).join("; ");
  const terms = `${softCap === undefined ? "" : `cap ${softCap}, `}${sinkLogits === undefined ? "" : "sinks, "}`;
  return `${name === "" ? "" : `${name}, `}${terms}${dtype}, head_dim ${headDim}, group ${group}, tokens ${spans}, ${kinds}`;
}

function patternTitle(pattern: BlockPattern): string {
  if (pattern.type === "sliding") return `sliding(${pattern.windowTokens})`;
  if (pattern.type !== "streaming") return pattern.type;
  return `streaming(${pattern.sinkBlocks}, ${pattern.localBlocks}${pattern.blockSize === 128 ? "" : `, ${pattern.blockSize}`})`;
}
