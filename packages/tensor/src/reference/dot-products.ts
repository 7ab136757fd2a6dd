import type { FloatArray } from "./floats.js";

/**
 * Adds the dot products of one row with several others to `sums`. Each is summed in order; four are summed side by side, so
 * that no addition waits for the one before it: half the time of one after another, and the same bits.
 *
 * @param at where the row begins in `row`
 * @param starts where each of the others begins in `others`
 * @param length elements of each row
 */
export function addDotProducts(row: FloatArray, at: number, others: FloatArray, starts: ArrayLike<number>, length: number, sums: Float64Array): void {
  const count = starts.length;
  let index = 0;
  for (; index + 4 <= count; index += 4) {
    const [a, b, c, d] = [starts[index]!, starts[index + 1]!, starts[index + 2]!, starts[index + 3]!];
    let [first, second, third, fourth] = [sums[index]!, sums[index + 1]!, sums[index + 2]!, sums[index + 3]!];
    for (let i = 0; i < length; i++) {
      const value = row[at + i]!;
      first += value * others[a + i]!;
      second += value * others[b + i]!;
      third += value * others[c + i]!;
      fourth += value * others[d + i]!;
    }
    sums[index] = first;
    sums[index + 1] = second;
    sums[index + 2] = third;
    sums[index + 3] = fourth;
  }
  for (; index < count; index++) {
    const start = starts[index]!;
    let sum = sums[index]!;
    for (let i = 0; i < length; i++) sum += row[at + i]! * others[start + i]!;
    sums[index] = sum;
  }
}
