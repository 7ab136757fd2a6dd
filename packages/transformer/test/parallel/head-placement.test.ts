import { describe, expect, test } from "vitest";
import { balanceLayer, fullShares, placeHeads } from "../../src/index.js";

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

describe("the heads of a layer", () => {
  test("are placed so that each rank has as many of those that are usually full", () => {
    const [heads] = placeHeads([[1, 1, 1, 1, 0, 0, 0, 0]], 2);
    expect(heads).toEqual([[0, 2, 4, 6], [1, 3, 5, 7]]);
    expect(placeHeads([[0.9, 0, 0, 0.1]], 2)).toEqual([[[0, 2], [1, 3]]]);
    // One head that is always full weighs more than what is left: the other rank takes the next ones until it is full.
    expect(placeHeads([[1, 0.2, 0.2, 0.2]], 2)).toEqual([[[0, 3], [1, 2]]]);
  });

  test("are placed once each, whatever their shares", () => {
    for (const ranks of [1, 2, 4, 8]) {
      const shares = Array.from({ length: 3 }, (_, layer) => Array.from({ length: 8 }, (_, head) => ((layer + 3) * head * 7) % 11 / 10));
      for (const layer of placeHeads(shares, ranks)) {
        expect(layer.map(({ length }) => length)).toEqual(Array(ranks).fill(8 / ranks));
        expect(layer.flat().toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      }
    }
    expect(() => placeHeads([[1, 0, 0]], 2)).toThrow(/2 ranks do not divide 3 heads/);
  });

  test("have shares counted over plans", () => {
    expect(fullShares([[[0, 1], [1, 1]], [[0, 0], [1, 0]]])).toEqual([[1, 0.5], [0, 0.5]]);
    expect(fullShares([])).toEqual([]);
  });
});

describe("queries of full heads", () => {
  test("are handed to the ranks that have less, until all have as much", () => {
    const { loads, shared, evened } = balanceLayer([0, 0, 1, 1], [[0, 1], [2, 3]], 0.1);
    expect(loads).toEqual([2, 0.2]);
    for (const load of evened) expect(load).toBeCloseTo(1.1);
    expect(shared).toEqual([{ head: 0, from: 0, to: 1, share: expect.closeTo(0.9) as number }]);
  });

  test("go to several ranks where one has far more", () => {
    const { shared, evened } = balanceLayer([0, 0, 1, 1, 1, 1, 1, 1], [[0, 1], [2, 3], [4, 5], [6, 7]], 0.05);
    expect(Math.max(...evened) - Math.min(...evened)).toBeLessThan(0.13);
    expect(new Set(shared.map(({ to }) => to))).toEqual(new Set([1, 2, 3]));
    for (const head of [0, 1]) expect(sum(shared.filter((each) => each.head === head).map(({ share }) => share))).toBeLessThanOrEqual(1 + 1e-9);
  });

  test("stay where the plan is even, or the gain is not worth a read of the keys", () => {
    expect(balanceLayer([0, 1, 0, 1], [[0, 1], [2, 3]], 0.1).shared).toEqual([]);
    expect(balanceLayer([1, 1, 1, 1], [[0, 1], [2, 3]], 0.1).shared).toEqual([]);
    expect(balanceLayer([0, 1, 0, 0], [[0, 1], [2, 3]], 0.9).shared).toEqual([]);
  });

  test("never make a rank busier than the busiest was", () => {
    for (let plan = 0; plan < 256; plan++) {
      const assignment = Array.from({ length: 8 }, (_, head) => (plan >> head) & 1);
      for (const heads of [[[0, 1, 2, 3], [4, 5, 6, 7]], [[0, 1], [2, 3], [4, 5], [6, 7]]]) {
        const { loads, evened } = balanceLayer(assignment, heads, 0.1);
        expect(Math.max(...evened)).toBeLessThanOrEqual(Math.max(...loads) + 1e-9);
        expect(sum(evened)).toBeCloseTo(sum(loads));
      }
    }
  });
});
