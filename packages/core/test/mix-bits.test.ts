import { expect, test } from "vitest";
import { mixBits } from "../src/index.js";

test("every bit of the input moves each bit of the result about half of the time", () => {
  const inputs = Array.from({ length: 2000 }, (_, index) => Math.imul(index, 0x9e3779b1) >>> 0);
  for (let bit = 0; bit < 32; bit++) {
    const changes = inputs.map((input) => mixBits(input) ^ mixBits(input ^ (1 << bit)));
    for (let other = 0; other < 32; other++) {
      const share = changes.filter((change) => (change >>> other) & 1).length / inputs.length;
      // Five standard deviations of a fair coin.
      expect(Math.abs(share - 0.5)).toBeLessThan(0.056);
    }
  }
});

test("the result is a whole number below 2^32, the same for an input and for its 32 bits", () => {
  for (const value of [-1, 0, 1, 2 ** 31, 2 ** 32 + 5, 1.5]) {
    expect(mixBits(value)).toBe(mixBits(value >>> 0));
    expect(Number.isInteger(mixBits(value)) && mixBits(value) >= 0 && mixBits(value) < 2 ** 32).toBe(true);
  }
});
