import { describe, expect, test } from "vitest";
import { AdamW, clipGradients, gradientNorm, learningRateFactor } from "../src/index.js";

describe("AdamW", () => {
  test("makes the steps of the written-out recurrence", () => {
    const parameters = Float32Array.of(1, -2);
    const optimizer = new AdamW([{ name: "routers", parameters: [parameters], learningRate: 0.1, weightDecay: 0.1 }]);
    let [m, v, x] = [0, 0, 1];
    for (const [step, g] of [0.5, -0.25, 2].entries()) {
      optimizer.step([[Float32Array.of(g, 0)]], 0.5);
      m = 0.9 * m + 0.1 * g;
      v = 0.95 * v + 0.05 * g * g;
      x = x * (1 - 0.05 * 0.1) - (0.05 * (m / (1 - 0.9 ** (step + 1)))) / (Math.sqrt(v / (1 - 0.95 ** (step + 1))) + 1e-8);
    }
    expect(parameters[0]).toBeCloseTo(x, 6);
    // Without a gradient only the decay moves it.
    expect(parameters[1]).toBeCloseTo(-2 * (1 - 0.005) ** 3, 6);
  });

  test("ascends where it is told to, and decays all the same", () => {
    const up = Float32Array.of(0);
    const down = Float32Array.of(0);
    const optimizer = new AdamW([
      { name: "multipliers", parameters: [up], learningRate: 0.1, weightDecay: 0, maximize: true },
      { name: "routers", parameters: [down], learningRate: 0.1, weightDecay: 0 },
    ]);
    optimizer.step([[Float32Array.of(1)], [Float32Array.of(1)]], 1);
    expect([up[0], down[0]]).toEqual([Math.fround(0.1), Math.fround(-0.1)]);
  });

  test("a restored state goes on bit for bit", () => {
    const run = (from: number, to: number, optimizer: AdamW) => {
      for (let step = from; step < to; step++) optimizer.step([[Float32Array.of(Math.sin(step), Math.cos(5 * step))]], 1);
    };
    const make = (start: Float32Array) => new AdamW([{ name: "routers", parameters: [start], learningRate: 0.01, weightDecay: 0.1 }]);
    const whole = Float32Array.of(0.3, 0.7);
    run(0, 10, make(whole));
    const parameters = Float32Array.of(0.3, 0.7);
    const before = make(parameters);
    run(0, 4, before);
    const after = make(Float32Array.from(parameters));
    after.state.steps = before.state.steps;
    after.state.first[0]![0]!.set(before.state.first[0]![0]!);
    after.state.second[0]![0]!.set(before.state.second[0]![0]!);
    run(4, 10, after);
    expect(after.groups[0]!.parameters[0]).toEqual(whole);
  });
});

test("clipping scales all gradients together and reports the norm before", () => {
  const gradients = [[Float32Array.of(3, 0)], [Float32Array.of(4)]];
  expect(clipGradients(gradients, 10)).toBe(5);
  expect(gradients[1]![0]![0]).toBe(4);
  expect(clipGradients(gradients, 1)).toBe(5);
  expect(gradientNorm(gradients)).toBeCloseTo(1, 6);
  expect(gradients[0]![0]![0]! / gradients[1]![0]![0]!).toBeCloseTo(0.75, 6);
});

test("the learning rate warms up linearly, then falls by half a cosine", () => {
  const factor = (step: number) => learningRateFactor({}, step, 100);
  expect([0, 9, 19, 20].map(factor)).toEqual([0.05, 0.5, 1, 1]);
  expect(factor(60)).toBeCloseTo(0.5, 6);
  expect(factor(99)).toBeLessThan(0.001);
  expect(factor(99)).toBeGreaterThan(0);
});
