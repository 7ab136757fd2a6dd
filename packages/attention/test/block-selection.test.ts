import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { selectBlocks } from "../src/index.js";

function select(mass: readonly number[], row: number, threshold: number): number[] {
  const chosen = new Uint8Array(mass.length);
  selectBlocks(mass, row, threshold, chosen);
  return [...chosen];
}

// Whole numbers, so that every sum of the walk is exact.
const rows = fc
  .array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 24 })
  .chain((mass) => fc.tuple(fc.constant(mass), fc.integer({ min: 0, max: mass.length - 1 })));
const thresholds = fc.integer({ min: 0, max: 64 }).map((part) => part / 64);

describe("selection of a row's blocks", () => {
  // Row mass 8, diagonal 0.25; by mass: blocks 1 (4), 2 (2), 3 (1), 0 (0.5), 4 (0.25). Before them is taken: 0.25 after
  // the diagonal, 4.25 with block 1, 6.25 with 2, 7.25 with 3, 7.75 with 0. Each is asked about one block earlier.
  const mass = [0.5, 4, 2, 1, 0.25, 0.25];
  test.each([
    [0, [1, 0, 0, 0, 0, 1]],
    [0.01, [1, 1, 0, 0, 0, 1]],
    [0.03125, [1, 1, 0, 0, 0, 1]],
    [0.05, [1, 1, 1, 0, 0, 1]],
    [0.5, [1, 1, 1, 0, 0, 1]],
    [0.55, [1, 1, 1, 1, 0, 1]],
    [0.8, [1, 1, 1, 1, 0, 1]],
    [0.9, [1, 1, 1, 1, 0, 1]],
    [0.95, [1, 1, 1, 1, 1, 1]],
    [1, [1, 1, 1, 1, 1, 1]],
  ])("worked by hand at threshold %f", (threshold, expected) => {
    expect(select(mass, 5, threshold)).toEqual(expected);
  });

  test("a heavy diagonal still takes the heaviest other block, and no second", () => {
    expect(select([1, 2, 1, 9], 3, 0.5)).toEqual([1, 1, 0, 1]);
  });

  test("equal masses are taken by lower index", () => {
    expect(select([1, 3, 3, 3, 3, 3], 5, 0.25)).toEqual([1, 1, 1, 0, 0, 1]);
  });

  test("nothing is taken once the row's whole mass is reached", () => {
    expect(select([0, 1, 0, 1], 3, 1)).toEqual([1, 1, 0, 1]);
  });

  test("masses after the diagonal count for nothing", () => {
    fc.assert(
      fc.property(rows, thresholds, fc.integer({ min: 0, max: 10_000 }), ([values, row], threshold, later) => {
        const changed = values.map((value, block) => (block > row ? later : value));
        expect(select(changed, row, threshold)).toEqual(select(values, row, threshold));
        expect(select(values, row, threshold).slice(row + 1).every((bit) => bit === 0)).toBe(true);
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  test("the first and the diagonal block are always chosen", () => {
    fc.assert(
      fc.property(rows, thresholds, ([values, row], threshold) => {
        const chosen = select(values, row, threshold);
        expect([chosen[0], chosen[row]]).toEqual([1, 1]);
      }),
      { numRuns: 300, seed: 2 },
    );
  });

  test("threshold 1 chooses every block that has mass", () => {
    fc.assert(
      fc.property(rows, ([values, row]) => {
        expect(select(values, row, 1)).toEqual(values.map((_, block) => (block <= row ? 1 : 0)));
      }),
      { numRuns: 300, seed: 3 },
    );
  });

  test("a higher threshold only adds blocks", () => {
    fc.assert(
      fc.property(rows, thresholds, thresholds, ([values, row], first, second) => {
        const [low, high] = [select(values, row, Math.min(first, second)), select(values, row, Math.max(first, second))];
        expect(low.every((bit, block) => bit <= high[block]!)).toBe(true);
      }),
      { numRuns: 300, seed: 4 },
    );
  });

  test("the chosen blocks reach the share that was asked for", () => {
    fc.assert(
      fc.property(rows, thresholds, ([values, row], threshold) => {
        const chosen = select(values, row, threshold);
        const sum = (blocks: readonly number[]) => blocks.reduce((a, b) => a + b, 0);
        const reached = sum(values.filter((_, block) => chosen[block] === 1));
        expect(reached).toBeGreaterThanOrEqual(threshold * sum(values.slice(0, row + 1)));
      }),
      { numRuns: 300, seed: 5 },
    );
  });
});
