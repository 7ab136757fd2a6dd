import type { Variant } from "../baselines/variant.js";
import { type Interval, pairedBootstrap } from "../frontier/paired-bootstrap.js";
import type { EvaluationRecord } from "../records/record.js";

/** What one variant costs and gives on the prompts that full attention saw too. */
export interface FrontierPoint {
  readonly variant: string;
  /** Prompts that both have answered. */
  readonly samples: number;
  /** Means over these prompts, of the variant and of full attention. */
  readonly score: number;
  readonly fullScore: number;
  /** The difference of the two, with its 95% interval over prompts; undefined for full attention itself. */
  readonly difference: Interval | undefined;
  /** Bytes of keys and values: read for a decoded token, held after the prompt; and the same as shares of full attention's. */
  readonly readBytes: number;
  readonly readShare: number;
  readonly heldBytes: number;
  readonly heldShare: number;
  readonly prefillSeconds: number;
  readonly prefillShare: number;
}

/** One point for each variant, full attention first; none where a run says nothing of what was read, or has no full attention. */
export function summarizeFrontier(records: readonly EvaluationRecord[], variants: readonly Variant[]): FrontierPoint[] {
  const full = new Map(records.filter(({ variant, readBytes }) => variant === "full" && readBytes !== undefined).map((record) => [record.id, record]));
  const points = variants.flatMap(({ name }): FrontierPoint[] => {
    const pairs = records.flatMap((record) => {
      const other = full.get(record.id);
      return record.variant === name && record.readBytes !== undefined && other !== undefined ? [{ record, other }] : [];
    });
    if (pairs.length === 0) return [];
    const mean = (value: (record: EvaluationRecord) => number) => ({
      own: pairs.reduce((sum, { record }) => sum + value(record), 0) / pairs.length,
      full: pairs.reduce((sum, { other }) => sum + value(other), 0) / pairs.length,
    });
    const score = mean((record) => record.score);
    const [read, held, prefill] = [mean(({ readBytes }) => readBytes!), mean(({ keyValueBytes }) => keyValueBytes), mean(({ prefillSeconds }) => prefillSeconds)];
    return [{
      variant: name,
      samples: pairs.length,
      score: score.own,
      fullScore: score.full,
      difference: name === "full" ? undefined : pairedBootstrap(pairs.map(({ record, other }) => record.score - other.score)),
      readBytes: read.own,
      readShare: read.own / read.full,
      heldBytes: held.own,
      heldShare: held.own / held.full,
      prefillSeconds: prefill.own,
      prefillShare: prefill.own / prefill.full,
    }];
  });
  const isFull = ({ variant }: FrontierPoint) => variant === "full";
  return points.length < 2 ? [] : [...points.filter(isFull), ...points.filter((point) => !isFull(point))];
}

/** Whether no other point reads as little and scores as high, and one of both better. */
export function isOnFrontier(point: FrontierPoint, points: readonly FrontierPoint[]): boolean {
  return !points.some((other) => other.score >= point.score && other.readBytes <= point.readBytes && (other.score > point.score || other.readBytes < point.readBytes));
}
