import { describe, expect, test } from "vitest";
import { e4m3Pattern, fp8Values, linear, quantiseLinear, ReferenceBackend, roundToE4M3 } from "../src/index.js";

const numbers = fp8Values.filter((value) => !Number.isNaN(value)).toSorted();

describe("numbers of e4m3", () => {
  test("are the nearest to a value, of two the one with an even fraction", () => {
    for (let i = 0; i < 20_000; i++) {
      const value = Math.fround(Math.sin(i * 12.9898) * 2 ** ((i % 24) - 14));
      const rounded = roundToE4M3(value);
      const distance = Math.min(...numbers.map((number) => Math.abs(number - value)));
      expect(Math.abs(rounded - value)).toBe(distance);
    }
    expect([roundToE4M3(17), roundToE4M3(19), roundToE4M3(1000), roundToE4M3(-1e9), roundToE4M3(2 ** -11)]).toEqual([16, 20, 448, -448, 0]);
    expect(roundToE4M3(NaN)).toBeNaN();
  });

  test("have the patterns that stand for them", () => {
    for (let pattern = 0; pattern < 256; pattern++) {
      const value = fp8Values[pattern]!;
      if (Number.isNaN(value)) expect(e4m3Pattern(value)).toBe(0x7f);
      else expect(e4m3Pattern(value)).toBe(pattern);
    }
  });

  test("hold a matrix to 1/16 of each element, whatever the size of its rows", () => {
    using backend = new ReferenceBackend();
    const values = Float32Array.from({ length: 4 * 32 }, (_, i) => (1 + (i % 7)) * 10 ** (Math.floor(i / 32) * 6 - 12) * (i % 3 === 0 ? -1 : 1));
    using matrix = backend.upload(values, [4, 32], "f32");
    using weight = backend.kernels.run(quantiseLinear, { weights: [matrix], format: "F8_E4M3" });
    const identity = Float32Array.from({ length: 32 * 32 }, (_, i) => (i % 33 === 0 ? 1 : 0));
    using input = backend.upload(identity, [32, 32], "f32");
    using output = backend.allocate([32, 4], "f32");
    backend.kernels.run(linear, { input, weight, output });
    const kept = output.toFloat32();
    for (const [i, value] of values.entries()) expect(Math.abs(kept[(i % 32) * 4 + Math.floor(i / 32)]! / value - 1)).toBeLessThan(1 / 16);
  });

  test("are refused as a format that floats cannot be rounded to where there is no such", () => {
    using backend = new ReferenceBackend();
    using matrix = backend.upload(new Float32Array(64), [2, 32], "f32");
    expect(() => backend.kernels.run(quantiseLinear, { weights: [matrix], format: "Q6_K" })).toThrow(/Q6_K/);
    expect(() => backend.kernels.run(quantiseLinear, { weights: [matrix], format: "Q4_K" })).toThrow(/whole blocks of 256/);
    expect(() => backend.kernels.run(quantiseLinear, { weights: [], format: "Q8_0" })).toThrow(/no weight/);
  });
});
