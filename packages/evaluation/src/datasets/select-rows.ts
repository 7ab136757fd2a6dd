import { SeededRandom } from "../seeded-random.js";

/** Indices of the rows that a run takes: all, or a random choice of `count` in the order of the file. */
export function selectRows(name: string, rows: number, count: number | undefined, seed = 42): readonly number[] {
  const all = Array.from({ length: rows }, (_, index) => index);
  if (count === undefined || count >= rows) return all;
  return new SeededRandom(`rows of ${name}`, seed).sample(all, count).toSorted((left, right) => left - right);
}
