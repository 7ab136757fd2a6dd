import { SeededRandom } from "../seeded-random.js";

/** A mean and the range that holds it in 95 of 100 resamplings. */
export interface Interval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

const resamplings = 2000;

/**
 * The mean difference of two scores of the same prompts, with a 95% interval by the paired bootstrap: prompts are drawn again
 * with replacement, each with both of its scores. The same differences give the same interval.
 */
export function pairedBootstrap(differences: readonly number[], seed = 42): Interval {
  const count = differences.length;
  const random = new SeededRandom("paired bootstrap", seed);
  const means = Float64Array.from({ length: resamplings }, () => {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += differences[random.integer(count)]!;
    return sum / count;
  }).sort();
  const at = (share: number) => means[Math.min(resamplings - 1, Math.floor(share * resamplings))]!;
  return { mean: differences.reduce((sum, value) => sum + value, 0) / count, low: at(0.025), high: at(0.975) };
}
