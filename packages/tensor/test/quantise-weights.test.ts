import { signedRandom } from "@elastic-attention/fixtures";
import { describe, expect, test } from "vitest";
import { weightByteLength, weightFormat, weightQuantisers } from "../src/index.js";

function roundTrip(format: string, values: Float32Array): Float32Array {
  const known = weightFormat(format, "test");
  const blocks = new Uint8Array(weightByteLength(known, values.length)).fill(0xa5);
  weightQuantisers.get(format)!(values, blocks);
  const result = new Float32Array(values.length);
  known.dequantize(blocks, result);
  return result;
}

function relativeError(actual: Float32Array, expected: Float32Array): number {
  let [error, norm] = [0, 0];
  for (const [i, value] of expected.entries()) {
    error += (actual[i]! - value) ** 2;
    norm += value ** 2;
  }
  return Math.sqrt(error / norm);
}

/** Sums of uniform numbers: nearly normal. */
function normal(count: number, mean = 0): Float32Array {
  const random = signedRandom(7);
  return Float32Array.from({ length: count }, () => mean + 0.02 * (random() + random() + random() + random()));
}

describe("weights rounded to blocks", () => {
  test("in Q8_0 are within half a step of a 127th of their block's largest magnitude", () => {
    const values = normal(1024);
    const result = roundTrip("Q8_0", values);
    for (let block = 0; block < 1024; block += 32) {
      const largest = Math.max(...values.subarray(block, block + 32).map(Math.abs));
      // The scale is rounded to a half, by a 2048th at most, which the largest values feel whole.
      const bound = (largest / 127) * 0.5 + largest / 2048;
      for (let i = block; i < block + 32; i++) expect(Math.abs(result[i]! - values[i]!)).toBeLessThanOrEqual(bound);
    }
  });

  // Four bits over six standard deviations: a step of 0.4 of one, whose rounding has 0.11; least squares stay below that.
  test("in Q4_K have an error that fits four bits, also where all values are far from zero on one side", () => {
    expect(relativeError(roundTrip("Q4_K", normal(4096)), normal(4096))).toBeLessThan(0.085);
    const shifted = normal(4096, -0.3);
    expect(relativeError(roundTrip("Q4_K", shifted), shifted)).toBeLessThan(0.02);
  });

  test.each([...weightQuantisers.keys()])("in %s give numbers for zeros, one spike, constants and the smallest magnitudes", (format) => {
    const cases = { zeros: () => 0, spike: (i: number) => (i === 77 ? 3 : 0), constant: () => 0.5, negative: () => -0.25, tiny: (i: number) => (i % 3) * 1e-30, small: (i: number) => Math.sin(i) * 1e-6 };
    for (const [name, value] of Object.entries(cases)) {
      const values = Float32Array.from({ length: 256 }, (_, i) => value(i));
      const result = roundTrip(format, values);
      expect([name, result.every(Number.isFinite)]).toEqual([name, true]);
      const largest = Math.max(...values.map(Math.abs));
      const error = Math.max(...result.map((each, i) => Math.abs(each - values[i]!)));
      // No half is smaller than 2^-24: what 127 steps, or 63 times 15, of half of that can hold may vanish.
      expect([name, error <= largest / 25 + 63 * 15 * 2 ** -25]).toEqual([name, true]);
    }
  });
});
