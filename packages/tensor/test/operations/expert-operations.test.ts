import { ShapeError } from "@elastic-attention/core";
import { describe, expect, test } from "vitest";
import {
  allocateExperts, checkGradients, combineRows, dispatchRows, expertLinear, type ExpertGroups, type ExpertWeight, gatedActivation, groupByExpert, packExpert, readFloats, readIntegers, ReferenceBackend, routeExperts, type Tape, type Tensor, writeFloats,
} from "../../src/index.js";
import { randomTensor } from "./random-tensors.js";

const backend = new ReferenceBackend({ precision: "f64" });
const random = (shape: readonly number[], seed: number) => randomTensor(backend, shape, seed);

function experts(numExperts: number, outFeatures: number, inFeatures: number, seed: number): ExpertWeight {
  const weight = backend.kernels.run(allocateExperts, { numExperts, outFeatures, inFeatures, dtype: "f32" });
  for (let expert = 0; expert < numExperts; expert++) {
    using matrix = random([outFeatures, inFeatures], seed + expert);
    backend.kernels.run(packExpert, { experts: weight, expert, weights: [matrix] });
  }
  return weight;
}

function newGroups(allocate: (shape: readonly number[], dtype: "i32") => Tensor, rows: number, choices: number, numExperts: number): ExpertGroups {
  return { offsets: allocate([numExperts + 1], "i32"), rows: allocate([rows * choices], "i32"), slots: allocate([rows, choices], "i32") };
}

function routed(logits: readonly number[], choices: number, normalized: boolean) {
  const [x, chosen, weights] = [backend.allocate([1, logits.length], "f32"), backend.allocate([1, choices], "i32"), backend.allocate([1, choices], "f32")];
  writeFloats(x, logits);
  backend.kernels.run(routeExperts, { logits: x, normalized, chosen, weights });
  return { chosen: Array.from(readIntegers(chosen)), weights: Array.from(readFloats(weights)) };
}

describe("routeExperts", () => {
  test("chooses the largest logits, of equal ones the lower number, and weighs them over the chosen or over all", () => {
    const chosen = routed([1, 3, 2, 3], 2, true);
    expect(chosen).toEqual({ chosen: [1, 3], weights: [0.5, 0.5] });
    const sum = Math.exp(-2) + 2 + Math.exp(-1);
    const all = routed([1, 3, 2, 3], 3, false);
    expect(all.chosen).toEqual([1, 3, 2]);
    for (const [i, weight] of [1, 1, Math.exp(-1)].entries()) expect(all.weights[i]).toBeCloseTo(weight / sum, 12);
  });

  test("chooses different experts whatever the logits are", () => {
    for (const logits of [[NaN, NaN, NaN, NaN], [-Infinity, NaN, -Infinity, NaN], [Infinity, Infinity, 0, NaN]]) {
      expect(new Set(routed(logits, 3, true).chosen).size).toBe(3);
    }
    expect(routed([NaN, 1, NaN, 0], 2, true).chosen).toEqual([1, 3]);
  });

  test("refuses more choices than experts", () => {
    expect(() => routed([1, 2], 3, true)).toThrow(ShapeError);
  });
});

describe("groupByExpert", () => {
  test("lays the choices by expert and by row, with empty experts between", () => {
    const chosen = backend.upload(Int32Array.of(3, 0, 0, 3, 3, 1), [3, 2], "i32");
    const groups = newGroups((shape, dtype) => backend.allocate(shape, dtype), 3, 2, 5);
    backend.kernels.run(groupByExpert, { chosen, groups });
    expect(Array.from(readIntegers(groups.offsets))).toEqual([0, 2, 3, 3, 6, 6]);
    expect(Array.from(readIntegers(groups.rows))).toEqual([0, 1, 2, 0, 1, 2]);
    expect(Array.from(readIntegers(groups.slots))).toEqual([3, 0, 1, 4, 5, 2]);
  });

  test("refuses an expert that is not there", () => {
    const chosen = backend.upload(Int32Array.of(2), [1, 1], "i32");
    const groups = newGroups((shape, dtype) => backend.allocate(shape, dtype), 1, 1, 2);
    expect(() => backend.kernels.run(groupByExpert, { chosen, groups })).toThrow(/there is no expert 2 among 2/);
  });
});

test("packExpert refuses matrices that do not make one expert", () => {
  const weight = experts(2, 3, 4, 1);
  const matrix = random([2, 4], 1);
  expect(() => backend.kernels.run(packExpert, { experts: weight, expert: 0, weights: [matrix] })).toThrow(/2 outputs, an expert has 3/);
  expect(() => backend.kernels.run(packExpert, { experts: weight, expert: 2, weights: [matrix, matrix.rows(0, 1)] })).toThrow(/no expert 2/);
});

/** A whole layer of experts: routing, products, gate and weighted sum. */
function expertLayer(runner: Pick<Tape, "allocate" | "run">, { input, logits, stream, normalized }: { input: Tensor; logits: Tensor; stream: Tensor; normalized: boolean }) {
  const [rows, choices] = [input.numRows, 2];
  const [gateUp, down] = [experts(4, 6, 5, 10), experts(4, 5, 3, 20)];
  const bias = random([4, 6], 30);
  const [chosen, weights] = [runner.allocate([rows, choices], "i32"), runner.allocate([rows, choices], "f32")];
  runner.run(routeExperts, { logits, normalized, chosen, weights });
  const groups = newGroups((shape, dtype) => runner.allocate(shape, dtype), rows, choices, 4);
  runner.run(groupByExpert, { chosen, groups });
  const slots = rows * choices;
  const [dispatched, projected, gated, result] = [5, 6, 3, 5].map((width) => runner.allocate([slots, width], "f32"));
  runner.run(dispatchRows, { input, groups, output: dispatched! });
  runner.run(expertLinear, { input: dispatched!, offsets: groups.offsets, weight: gateUp, bias, output: projected! });
  runner.run(gatedActivation, { gate: projected!.columns(0, 3), up: projected!.columns(3, 6), activation: "silu", output: gated! });
  runner.run(expertLinear, { input: gated!, offsets: groups.offsets, weight: down, output: result! });
  runner.run(combineRows, { input: result!, groups, weights, output: stream, accumulate: true });
  return { bias, gateUp, down };
}

describe("a layer of experts", () => {
  const silu = (x: number) => x / (1 + Math.exp(-x));

  test("is the weighted sum of its chosen experts, row by row", () => {
    const [input, logits] = [random([7, 5], 1), random([7, 4], 2)];
    const stream = random([7, 5], 3);
    const before = Array.from(readFloats(stream));
    const runner = { allocate: (shape: readonly number[], dtype: "f32") => backend.allocate(shape, dtype), run: backend.kernels.run.bind(backend.kernels) };
    const { bias } = expertLayer(runner as unknown as Pick<Tape, "allocate" | "run">, { input, logits, stream, normalized: true });
    const [x, l, b] = [readFloats(input), readFloats(logits), readFloats(bias)];
    const matrix = (seed: number, shape: readonly number[]) => readFloats(random(shape, seed));
    for (let row = 0; row < 7; row++) {
      const values = Array.from(l.subarray(row * 4, row * 4 + 4));
      const best = [0, 1, 2, 3].sort((a, c) => values[c]! - values[a]!).slice(0, 2);
      const total = best.reduce((sum, expert) => sum + Math.exp(values[expert]!), 0);
      const expected = before.slice(row * 5, row * 5 + 5);
      for (const expert of best) {
        const [up, down] = [matrix(10 + expert, [6, 5]), matrix(20 + expert, [5, 3])];
        const h = Array.from({ length: 6 }, (_, out) => b[expert * 6 + out]! + [0, 1, 2, 3, 4].reduce((sum, i) => sum + x[row * 5 + i]! * up[out * 5 + i]!, 0));
        for (let out = 0; out < 5; out++) {
          const value = [0, 1, 2].reduce((sum, i) => sum + silu(h[i]!) * h[i + 3]! * down[out * 3 + i]!, 0);
          expected[out]! += (Math.exp(values[expert]!) / total) * value;
        }
      }
      const found = Array.from(readFloats(stream).subarray(row * 5, row * 5 + 5));
      for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, 12);
    }
  });

  test.each([true, false])("passes gradients to its input, its router's logits and the residual stream (normalized: %s)", (normalized) => {
    const [input, logits, stream] = [random([7, 5], 1), random([7, 4], 2), random([7, 5], 3)];
    const worst = checkGradients({
      inputs: [input, logits, stream],
      run: (tape) => {
        const output = tape.allocate([7, 5], "f32");
        tape.run(combineRows, { input: stream, groups: identity(7), output });
        expertLayer(tape, { input, logits, stream: output, normalized });
        return [output];
      },
    });
    expect(worst.filter(({ relative }) => !(relative < 1e-6))).toEqual([]);
  });

  /** Every row its own slot of one expert: combining is a copy. */
  function identity(rows: number): ExpertGroups {
    const numbers = Int32Array.from({ length: rows }, (_, i) => i);
    return { offsets: backend.upload(Int32Array.of(0, rows), [2], "i32"), rows: backend.upload(numbers, [rows], "i32"), slots: backend.upload(numbers, [rows, 1], "i32") };
  }
});
