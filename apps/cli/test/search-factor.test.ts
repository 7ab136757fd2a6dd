import { expect, test } from "vitest";
import { mostMeasurements, searchFactor } from "../src/commands/model/search-factor.js";

/** A share that grows with the logarithm of the factor, as those of texts do. */
function measured(most: number) {
  const tried: number[] = [];
  return {
    tried,
    measure: (factor: number) => {
      tried.push(factor);
      return Promise.resolve(most / (1 + Math.exp(-Math.log(factor / 3))));
    },
  };
}

test.each([0.05, 0.3, 0.6])("finds a factor for a share of %s in few measurements, told in three digits", async (wanted) => {
  const { tried, measure } = measured(0.8);
  const { factor, share } = await searchFactor(wanted, 4096, measure);
  expect(Math.abs(share - wanted)).toBeLessThan(0.01);
  expect(share).toBe(await measure(factor));
  expect(Number(factor.toPrecision(3))).toBe(factor);
  expect(tried.length).toBeLessThanOrEqual(mostMeasurements + 1);
});

test("a share of nothing is a factor of 0, and one beyond what can be skipped is refused with what can", async () => {
  expect(await searchFactor(0, 4096, measured(1).measure)).toEqual({ factor: 0, share: 0 });
  await expect(searchFactor(0.9, 4096, measured(0.5).measure)).rejects.toThrow(/At most 50\.0% of the tiles/);
});
