import type { Retention } from "@elastic-attention/attention";

/** Neighbouring tokens of a prompt that a head can all still see, or has all dropped. */
export interface TokenStretch {
  readonly first: number;
  /** Behind the last. */
  readonly end: number;
  readonly kept: boolean;
}

/** What a head with this retention still has of a prompt when it has been read. */
export function visibleTokens(retention: Retention, promptTokens: number): TokenStretch[] {
  if (promptTokens === 0) return [];
  if (retention.type === "all") return [{ first: 0, end: promptTokens, kept: true }];
  const sink = Math.min(retention.sinkTokens, promptTokens);
  const local = Math.max(sink, promptTokens - retention.ringTokens);
  const stretches = [
    { first: 0, end: sink, kept: true },
    { first: sink, end: local, kept: false },
    { first: local, end: promptTokens, kept: true },
  ].filter(({ first, end }) => end > first);
  return stretches.length === 2 && stretches[0]!.kept && stretches[1]!.kept ? [{ first: 0, end: promptTokens, kept: true }] : stretches;
}
