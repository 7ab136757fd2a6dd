import { describe, expect, test } from "vitest";
import { TrainingConfigError } from "@elastic-attention/core";
import { publishedTasks, SparsityObjective, type SparsityObjectiveOptions } from "../src/index.js";

/** Two layers of two heads, three segments: sparsity 0.5, 1 and 0.25. */
const gates = [Float64Array.of(1, 0, 0, 0, 1, 1), Float64Array.of(1, 0, 0, 0, 1, 0)];
const taskIds = [0, 2, 0];

function objective(options: Partial<SparsityObjectiveOptions> = {}): SparsityObjective {
  const made = new SparsityObjective({ tasks: publishedTasks, seed: 1, ...options });
  made.linear.set([0.5, 9, 0.25, 9, 9]);
  made.quadratic.set([0.125, 9, 2, 9, 9]);
  return made;
}

describe("the sparsity objective", () => {
  test("averages segments within a task, then tasks (a hand example)", () => {
    const { loss, sparsity, multiplierGradients } = objective().evaluate(gates, taskIds, 1);
    expect(sparsity).toEqual([0.5, 1, 0.25]);
    // Task 0: d = -0.2 and -0.45; task 2: d = 0.
    const first = (0.2 + 0.45) / 2;
    const second = (0.2 ** 2 + 0.45 ** 2) / 2;
    expect(loss).toBeCloseTo((0.5 * first + 0.125 * second + 0) / 2, 6);
    expect([...multiplierGradients.linear]).toEqual([Math.fround(first / 2), 0, 0, 0, 0]);
    expect(multiplierGradients.quadratic[0]).toBeCloseTo(second / 2, 6);
  });

  test("the signed form rewards overshooting the target, the absolute one penalises it", () => {
    const tasks = [{ name: "a", kind: "robust", target: 0.25 }] as const;
    const value = (form: "signed" | "absolute") => {
      const made = new SparsityObjective({ tasks, form, seed: 1 });
      made.linear[0] = 1;
      made.quadratic[0] = 0;
      return made.evaluate([Float64Array.of(0, 0)], [0], 1).loss;
    };
    expect(value("absolute")).toBeCloseTo(0.75, 12);
    expect(value("signed")).toBeCloseTo(0.75, 12);
    const under = (form: "signed" | "absolute") => {
      const made = new SparsityObjective({ tasks, form, seed: 1 });
      made.linear[0] = 1;
      made.quadratic[0] = 0;
      return made.evaluate([Float64Array.of(1, 1)], [0], 1).loss;
    };
    expect(under("absolute")).toBeCloseTo(0.25, 12);
    expect(under("signed")).toBeCloseTo(-0.25, 12);
  });

  test.each(["absolute", "signed"] as const)("the %s form has the gradient of its loss (finite differences, relative 1e-6)", (form) => {
    const made = objective({ form, band: 0.05 });
    const { gradients } = made.evaluate(gates, taskIds, 0.3);
    for (const [layer, values] of gates.entries()) {
      for (let i = 0; i < values.length; i++) {
        const moved = (by: number) => made.evaluate(gates.map((g, l) => (l === layer ? g.map((v, j) => (j === i ? v + by : v)) : g)), taskIds, 0.3).loss;
        const difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
        // Segment 1 lies on the target with a band around it: no slope.
        expect(Math.abs(gradients[layer]![i]! - difference)).toBeLessThanOrEqual(1e-6 * Math.max(1e-3, Math.abs(difference)));
      }
    }
  });

  test("a task draws its first multipliers from its own range, others from the objective's", () => {
    const tasks = [
      { name: "a", kind: "sensitive", target: 0.7 },
      { name: "b", kind: "robust", target: 1, initial: [60, 61] },
    ] as const;
    const { linear, quadratic } = new SparsityObjective({ tasks, initial: [12, 14], seed: 1 });
    for (const [first, second] of [linear, quadratic]) {
      expect(first).toBeGreaterThanOrEqual(12);
      expect(first).toBeLessThan(14);
      expect(second).toBeGreaterThanOrEqual(60);
      expect(second).toBeLessThan(61);
    }
    // A range of its own changes nothing for the others.
    const plain = new SparsityObjective({ tasks: tasks.map(({ name, kind, target }) => ({ name, kind, target })), initial: [12, 14], seed: 1 });
    expect(plain.linear[0]).toBe(linear[0]);
  });

  test("targets warm up linearly", () => {
    const made = objective({ warmUp: { start: 0.1, share: 0.5 } });
    expect([0, 0.25, 0.5, 1].map((progress) => Number(made.target(0, progress).toFixed(6)))).toEqual([0.1, 0.4, 0.7, 0.7]);
  });

  test("multipliers begin in their range and stay in their bounds", () => {
    const made = new SparsityObjective({ tasks: publishedTasks, seed: 5, multiplierBounds: [0.1, 0.3] });
    const all = [...made.linear, ...made.quadratic];
    expect(all.every((value) => value >= Math.fround(0.1) && value <= Math.fround(0.3))).toBe(true);
    const free = new SparsityObjective({ tasks: publishedTasks, seed: 5 });
    expect(new Set([...free.linear, ...free.quadratic]).size).toBe(10);
    made.linear[0] = -3;
    made.clampMultipliers();
    expect(made.linear[0]).toBe(Math.fround(0.1));
  });

  test("impossible targets, bands and bounds are refused", () => {
    expect(() => objective({ tasks: [{ name: "a", kind: "robust", target: 1.1 }] })).toThrow(TrainingConfigError);
    expect(() => objective({ band: -1 })).toThrow(TrainingConfigError);
    expect(() => objective({ multiplierBounds: [1, 0] })).toThrow(TrainingConfigError);
  });
});
