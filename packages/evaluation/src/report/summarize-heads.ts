import { type EvaluationRecord, unpackHeadMap } from "../records/record.js";
import type { HeadMapSummary } from "./run-summary.js";

/** How often each head was in a sparse mode, over all prompts and by task. */
export function summarizeHeads(variant: string, records: readonly EvaluationRecord[]): HeadMapSummary {
  const tasks = Array.from(new Set(records.map(({ task }) => task)));
  return {
    variant,
    modes: records[0]!.modes,
    sparse: sparseShares(records),
    tasks: tasks.map((task) => ({
      task,
      layers: sparseShares(records.filter((record) => record.task === task)).map((layer) => rounded(mean(layer))),
    })),
  };
}

function sparseShares(records: readonly EvaluationRecord[]): number[][] {
  const sums = unpackHeadMap(records[0]!.headMap).map((layer) => layer.map(() => 0));
  for (const { headMap } of records) {
    for (const [layer, heads] of unpackHeadMap(headMap).entries()) {
      for (const [head, mode] of heads.entries()) if (mode > 0) sums[layer]![head]! += 1;
    }
  }
  return sums.map((layer) => layer.map((count) => rounded(count / records.length)));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

/** Four digits: a report need not carry more. */
function rounded(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}
