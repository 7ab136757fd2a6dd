import type { EvaluationRecord } from "../records/record.js";
import type { DepthGrid, PositionCurve } from "./run-summary.js";

/** Scores by depth of the needle and length; none where samples have no depth. */
export function summarizeDepths(variant: string, records: readonly EvaluationRecord[]): DepthGrid[] {
  const deep = records.filter(({ metadata }) => typeof metadata["depth"] === "number");
  if (deep.length === 0) return [];
  const lengths = Array.from(new Set(deep.map(({ lengthBucket }) => lengthBucket))).sort((a, b) => parseFloat(a) - parseFloat(b));
  const depths = Array.from(new Set(deep.map(({ metadata }) => Number(metadata["depth"])))).sort((a, b) => a - b);
  const scores = depths.map((depth) =>
    lengths.map((length) => {
      const cell = deep.filter(({ metadata, lengthBucket }) => metadata["depth"] === depth && lengthBucket === length);
      return cell.length === 0 ? null : cell.reduce((sum, { score }) => sum + score, 0) / cell.length;
    }),
  );
  return [{ variant, lengths, depths, scores }];
}

/** Nats per token by position, over all texts that reach it. */
export function summarizePositions(variant: string, records: readonly EvaluationRecord[]): PositionCurve[] {
  const sums = new Map<string, { start: number; end: number; tokens: number; nats: number }>();
  for (const { positions = [] } of records) {
    for (const { start, end, tokens, score } of positions) {
      if (tokens === 0) continue;
      const sum = sums.get(`${start}`) ?? { start, end, tokens: 0, nats: 0 };
      sums.set(`${start}`, { start, end: Math.max(end, sum.end), tokens: sum.tokens + tokens, nats: sum.nats + tokens * score });
    }
  }
  if (sums.size === 0) return [];
  const ranges = Array.from(sums.values()).sort((a, b) => a.start - b.start);
  return [{ variant, ranges: ranges.map(({ start, end, tokens, nats }) => ({ start, end, tokens, score: nats / tokens })) }];
}
