import { describe, expect, test } from "vitest";
import { affordableTokens } from "../src/commands/answer/demo-length.js";

/** A machine on which reading n tokens takes a·n + b·n² seconds. */
const machine = (a: number, b: number) => (tokens: number) => ({ tokens, seconds: a * tokens + b * tokens ** 2 });

describe("the length of the demo's document", () => {
  test("is the usual one on a fast machine", () => {
    const reading = machine(8e-5, 2.5e-8);
    expect(affordableTokens([reading(128), reading(768)], 20, 7600)).toBe(7600);
  });

  test("is what a slow machine reads in the time: sparse, full and twice more", () => {
    const reading = machine(2e-3, 1e-6);
    const tokens = affordableTokens([reading(128), reading(768)], 20, 7600);
    expect(tokens).toBeGreaterThan(512);
    expect(3.25 * reading(tokens).seconds).toBeLessThanOrEqual(20);
    expect(3.25 * reading(tokens + 2).seconds).toBeGreaterThan(20);
  });

  test("is estimated from one trial, with attention's share of the bundled model", () => {
    const one = affordableTokens([{ tokens: 128, seconds: 0.3 }], 20, 7600);
    expect(one).toBeGreaterThan(512);
    expect(one).toBeLessThan((20 / 3.25 / 0.3) * 128);
  });

  test("is never absurdly short, also where noise bends the curve or the machine is very slow", () => {
    expect(affordableTokens([{ tokens: 128, seconds: 60 }], 20, 7600)).toBe(512);
    const bent = affordableTokens([{ tokens: 128, seconds: 0.2 }, { tokens: 768, seconds: 0.4 }], 20, 7600);
    expect(bent).toBeGreaterThan(768);
    expect(bent).toBeLessThanOrEqual(7600);
  });
});
