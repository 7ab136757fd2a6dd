import type { Summary } from "./statistics.js";

/** A bound that a figure is meant to keep. */
export interface Target {
  readonly bound: "at least" | "at most";
  readonly value: number;
}

/** One row of a report. */
export interface Figure {
  /** What was measured: shape, length, mode. */
  readonly what: string;
  readonly unit: string;
  readonly ours: Summary;
  /** The side that ours is compared with, measured in the same run. */
  readonly peer?: Summary;
  /** How many times better ours is than the peer; above 1 is better, whatever the unit. */
  readonly ratio?: { readonly best: number; readonly median: number };
  /** Bound of the median ratio where there is a peer, else of the median of ours. */
  readonly target?: Target;
  readonly reached?: boolean;
  readonly note?: string;
}

export interface FigureInput {
  readonly what: string;
  readonly unit: string;
  readonly ours: Summary;
  readonly peer?: Summary | undefined;
  readonly target?: Target | undefined;
  /** Whether the target speaks of the ratio to a peer: without the peer it is then open, not missed. */
  readonly targetIsRatio?: boolean;
  readonly higherIsBetter: boolean;
  readonly note?: string | undefined;
}

/** A figure with its ratio and its verdict. */
export function figure({ what, unit, ours, peer, target, targetIsRatio, higherIsBetter, note }: FigureInput): Figure {
  const compare = (mine: number, other: number) => (higherIsBetter ? mine / other : other / mine);
  const ratio =
    peer === undefined ? undefined : { best: compare(ours.best, peer.best), median: compare(ours.median, peer.median) };
  const judged = targetIsRatio === true ? ratio?.median : ours.median;
  const verdict =
    target === undefined || judged === undefined
      ? {}
      : { reached: target.bound === "at least" ? judged >= target.value : judged <= target.value };
  return {
    what,
    unit,
    ours,
    ...(peer === undefined ? {} : { peer }),
    ...(ratio === undefined ? {} : { ratio }),
    ...(target === undefined ? {} : { target }),
    ...verdict,
    ...(note === undefined ? {} : { note }),
  };
}
