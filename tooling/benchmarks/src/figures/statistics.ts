/** The middle of the samples; the mean of the two in the middle when their number is even. */
export function median(samples: readonly number[]): number {
  if (samples.length === 0) throw new RangeError("The median of no samples.");
  const sorted = samples.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Best and median of what was measured, in the unit of its figure. */
export interface Summary {
  readonly name: string;
  readonly best: number;
  readonly median: number;
  readonly samples: number;
}

/** Seconds as a rate: the shortest time is the best. `amount` is the work of one sample, in the unit's numerator. */
export function rate(name: string, seconds: readonly number[], amount: number): Summary {
  return { name, best: amount / Math.min(...seconds), median: amount / median(seconds), samples: seconds.length };
}

/** Seconds as a duration in units of `unitSeconds` (0.001 for milliseconds). */
export function duration(name: string, seconds: readonly number[], unitSeconds: number): Summary {
  const scaled = seconds.map((value) => value / unitSeconds);
  return { name, best: Math.min(...scaled), median: median(scaled), samples: seconds.length };
}
