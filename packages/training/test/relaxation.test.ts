import { describe, expect, test } from "vitest";
import { TrainingConfigError } from "@elastic-attention/core";
import { counterGumbel, counterPermutation, counterUniform, publishedTemperature, relax, temperatureAt } from "../src/index.js";

const place = { seed: 7, step: 3, pack: 1, layer: 2 };

/** The relaxed probability of the retrieval class, written out. */
function probability(logits: readonly number[], kind: "softmax" | "sigmoid", temperature: number, head: number): number {
  const noise = (index: number) => counterGumbel(place.seed, place.step, place.pack, place.layer, index);
  if (kind === "sigmoid") return 1 / (1 + Math.exp(-(logits[head]! + noise(head)) / temperature));
  const [sparse, retrieval] = [2 * head, 2 * head + 1].map((index) => Math.exp((logits[index]! + noise(index)) / temperature));
  return retrieval! / (sparse! + retrieval!);
}

describe.each(["softmax", "sigmoid"] as const)("the %s relaxation", (kind) => {
  const classes = kind === "softmax" ? 2 : 1;
  const heads = 6;
  const logits = Float64Array.from({ length: heads * classes }, (_, i) => Math.sin(3 * i) * 1.5);

  test("is exactly 0 or 1: the winner under the noise", () => {
    const { gates } = relax(logits, { kind, temperature: 0.8, place });
    const wanted = Array.from({ length: heads }, (_, head) => (probability([...logits], kind, 0.8, head) > 0.5 ? 1 : 0));
    expect([...gates]).toEqual(wanted);
    expect(new Set(gates).size).toBe(2);
  });

  test("has the gradient of the relaxed probability (finite differences, relative 1e-6)", () => {
    const weights = Float64Array.from({ length: heads }, (_, head) => Math.cos(head) + 0.2);
    const gradient = relax(logits, { kind, temperature: 0.8, place }).backward(weights);
    const value = (at: readonly number[]) => weights.reduce((sum, w, head) => sum + w * probability(at, kind, 0.8, head), 0);
    for (let i = 0; i < logits.length; i++) {
      const moved = (by: number) => [...logits].map((logit, j) => (j === i ? logit + by : logit));
      const difference = (value(moved(1e-5)) - value(moved(-1e-5))) / 2e-5;
      expect(Math.abs(gradient[i]! - difference)).toBeLessThanOrEqual(1e-6 * Math.max(1e-3, Math.abs(difference)));
    }
  });

  test("without noise decides as inference does; a tie is sparse", () => {
    const lead = kind === "softmax" ? [0, 1, 1, 0, 0.5, 0.5] : [1, -1, 0];
    expect([...relax(Float32Array.from(lead), { kind, temperature: 1, noise: false, place }).gates]).toEqual([1, 0, 0]);
  });
});

test("noise depends on its place alone", () => {
  const draw = (step: number, layer: number) => relax(new Float32Array(40), { kind: "softmax", temperature: 1, place: { ...place, step, layer } }).gates;
  expect(draw(3, 2)).toEqual(draw(3, 2));
  expect(draw(3, 2)).not.toEqual(draw(4, 2));
  expect(draw(3, 2)).not.toEqual(draw(3, 3));
});

test("Gumbel noise has its mean and variance, uniform numbers their quarters", () => {
  const values = Array.from({ length: 40_000 }, (_, i) => counterGumbel(11, i));
  const mean = values.reduce((a, b) => a + b) / values.length;
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
  // Standard errors are 0.0064 and about 0.022; four of them.
  expect(Math.abs(mean - 0.5772)).toBeLessThan(0.026);
  expect(Math.abs(variance - Math.PI ** 2 / 6)).toBeLessThan(0.09);
  const quarters = [0, 0, 0, 0];
  for (let i = 0; i < 40_000; i++) quarters[Math.floor(4 * counterUniform(5, i, 1))]! += 1;
  for (const count of quarters) expect(Math.abs(count - 10_000)).toBeLessThan(400);
});

test("a permutation holds every index once and depends on the seed", () => {
  const order = counterPermutation(100, 3, 0);
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
  expect(order).toEqual(counterPermutation(100, 3, 0));
  expect(order).not.toEqual(counterPermutation(100, 3, 1));
});

describe("temperature", () => {
  test("cosine falls from 1.5 to 1 over 60% of the steps", () => {
    expect([0, 90, 180, 299].map((step) => temperatureAt(publishedTemperature, step, 300))).toEqual([1.5, 1.25, 1, 1]);
  });

  test("exponential follows equation 14", () => {
    const schedule = { kind: "exponential", start: 1.5, end: 1, rate: 0.6 } as const;
    expect(temperatureAt(schedule, 0, 100)).toBe(1.5);
    expect(temperatureAt(schedule, 50, 100)).toBeCloseTo(1.5 * Math.exp(-0.3), 12);
    expect(temperatureAt(schedule, 100, 100)).toBe(1);
  });

  test("must be above 0", () => {
    expect(() => temperatureAt({ kind: "constant", value: 0 }, 0, 1)).toThrow(TrainingConfigError);
  });
});
