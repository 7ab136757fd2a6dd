import { seededRandom } from "@elastic-attention/fixtures";
import { describe, expect, test } from "vitest";
import {
  add, cast, checkGradients, crossEntropy, gatedActivation, headNorm, linear, type LinearWeight, packLinear, readFloats, ReferenceBackend, rmsNorm, rotary, type Tape, type Tensor, writeFloats,
} from "../src/index.js";

const backend = new ReferenceBackend({ precision: "f64" });
/** The figure to meet, relative. */
const tolerance = 1e-6;

function random(shape: readonly number[], seed: number, center = 0): Tensor {
  const draw = seededRandom(seed);
  const tensor = backend.allocate(shape, "f32");
  writeFloats(tensor, Float64Array.from({ length: tensor.numElements }, () => center + 2 * draw() - 1));
  return tensor;
}

function packed(outFeatures: number, inFeatures: number, seed: number): LinearWeight {
  using matrix = random([outFeatures, inFeatures], seed);
  return backend.kernels.run(packLinear, { weights: [matrix], dtype: "f32" });
}

function expectRight(inputs: readonly Tensor[], run: (tape: Tape) => readonly Tensor[]): void {
  const before = backend.memory().liveAllocations;
  expect(checkGradients({ inputs, run }).filter(({ relative }) => !(relative < tolerance))).toEqual([]);
  expect(backend.memory().liveAllocations).toBe(before);
}

describe("gradients by finite differences in float64", () => {
  test("linear, with a bias, over chunks of rows and a column range", () => {
    const [input, weight, bias] = [random([5, 6], 1), packed(4, 4, 2), random([4], 3)];
    expectRight([input], (tape) => {
      const output = tape.allocate([5, 4], "f32");
      for (const [start, end] of [[0, 2], [2, 5]] as const) {
        tape.run(linear, { input: input.rows(start, end).columns(1, 5), weight, bias, output: output.rows(start, end) });
      }
      return [output];
    });
  });

  test("linear that adds to its output: both summands get the gradient", () => {
    const [input, stream, weight] = [random([3, 4], 1), random([3, 5], 2), packed(5, 4, 3)];
    expectRight([input, stream], (tape) => {
      const output = tape.allocate([3, 5], "f32");
      tape.run(cast, { input: stream, output });
      tape.run(linear, { input, weight, output, accumulate: true });
      return [output];
    });
  });

  test("rmsNorm, alone and beside a residual stream", () => {
    const [input, stream, weight] = [random([3, 6], 1), random([3, 6], 2), random([6], 3, 1)];
    expectRight([input], (tape) => {
      const output = tape.allocate([3, 6], "f32");
      tape.run(rmsNorm, { input, weight, epsilon: 1e-3, output });
      return [output];
    });
    expectRight([input, stream], (tape) => {
      const [output, residual] = [tape.allocate([3, 6], "f32"), tape.allocate([3, 6], "f32")];
      tape.run(add, { a: stream, b: input, output: residual });
      tape.run(rmsNorm, { input: residual, weight, epsilon: 1e-3, output });
      return [output, residual];
    });
  });

  test("headNorm and rotary in place on parts of a fused projection", () => {
    const [input, weight] = [random([3, 12], 1), random([4], 2, 1)];
    const positions = backend.upload(Int32Array.of(0, 5, 2), [3], "i32");
    const [cosine, sine] = [random([6, 2], 3), random([6, 2], 4)];
    expectRight([input], (tape) => {
      const fused = tape.allocate([3, 12], "f32");
      tape.run(cast, { input, output: fused });
      const heads = fused.columns(0, 8).reshape([3, 2, 4]);
      tape.run(headNorm, { heads, weight, epsilon: 1e-3 });
      tape.run(rotary, { heads, positions, cosine, sine });
      return [fused];
    });
  });

  test("rotary backwards undoes rotary, and is its own gradient the other way round", () => {
    const input = random([2, 4], 1);
    const positions = backend.upload(Int32Array.of(1, 2), [2], "i32");
    const angles = Float64Array.from({ length: 6 }, (_, i) => i);
    const [cosine, sine] = [backend.allocate([3, 2], "f32"), backend.allocate([3, 2], "f32")];
    writeFloats(cosine, angles.map(Math.cos));
    writeFloats(sine, angles.map(Math.sin));
    const before = Array.from(readFloats(input));
    const heads = input.reshape([2, 1, 4]);
    backend.kernels.run(rotary, { heads, positions, cosine, sine });
    backend.kernels.run(rotary, { heads, positions, cosine, sine, inverse: true });
    for (const [i, value] of readFloats(input).entries()) expect(value).toBeCloseTo(before[i]!, 14);
    expectRight([input], (tape) => {
      const copy = tape.allocate([2, 1, 4], "f32");
      tape.run(cast, { input: heads, output: copy });
      tape.run(rotary, { heads: copy, positions, cosine, sine, inverse: true });
      return [copy];
    });
  });

  test("swiglu over the two halves of a fused projection", () => {
    const fused = random([3, 10], 1);
    expectRight([fused], (tape) => {
      const output = tape.allocate([3, 5], "f32");
      tape.run(gatedActivation, { gate: fused.columns(0, 5), up: fused.columns(5, 10), activation: "silu", output });
      return [output];
    });
  });

  test("add: beside, in place, and a tensor to itself", () => {
    const [a, b] = [random([2, 3], 1), random([2, 3], 2)];
    expectRight([a, b], (tape) => {
      const [sum, twice] = [tape.allocate([2, 3], "f32"), tape.allocate([2, 3], "f32")];
      tape.run(add, { a, b, output: sum });
      tape.run(add, { a, b: sum, output: sum });
      tape.run(add, { a: sum, b: sum, output: twice });
      tape.run(add, { a: twice, b: twice, output: twice });
      return [sum, twice];
    });
  });

  test("an input of several steps gets the sum of their gradients", () => {
    const [input, weight, square] = [random([3, 4], 1), random([4], 2, 1), packed(4, 4, 3)];
    expectRight([input], (tape) => {
      const [normed, output, gated] = [tape.allocate([3, 4], "f32"), tape.allocate([3, 4], "f32"), tape.allocate([3, 4], "f32")];
      tape.run(rmsNorm, { input, weight, epsilon: 1e-3, output: normed });
      tape.run(linear, { input, weight: square, output });
      tape.run(gatedActivation, { gate: normed, up: input, activation: "silu", output: gated });
      tape.run(add, { a: gated, b: output, output });
      return [output, normed];
    });
  });
});

describe("crossEntropy", () => {
  test("gives the gradient of its losses, in place too, and leaves rows without a target out", () => {
    const [rows, vocabulary] = [4, 7];
    const logits = random([rows, vocabulary], 1);
    writeFloats(logits.rows(3, 4), new Float64Array(vocabulary).fill(500));
    const targets = backend.upload(Int32Array.of(2, -1, 6, 0), [rows], "i32");
    const [losses, gradient] = [backend.allocate([rows], "f32"), backend.allocate([rows, vocabulary], "f32")];
    const total = () => {
      backend.kernels.run(crossEntropy, { logits, targets, losses });
      return Array.from(readFloats(losses)).reduce((a, b) => a + b, 0);
    };
    backend.kernels.run(crossEntropy, { logits, targets, losses, logitsGradient: gradient, gradientScale: 0.25 });
    const [values, analytic] = [readFloats(logits), readFloats(gradient)];
    expect(readFloats(losses)[3]).toBeCloseTo(Math.log(vocabulary), 12);
    expect(readFloats(losses)[1]).toBe(0);
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      const at = (delta: number) => {
        values[i] = value + delta;
        writeFloats(logits, values);
        return total();
      };
      const h = 1e-4;
      const difference = (at(-2 * h) - 8 * at(-h) + 8 * at(h) - at(2 * h)) / (12 * h);
      values[i] = value;
      if (i >= vocabulary && i < 2 * vocabulary) expect(analytic[i]).toBe(0);
      expect(Math.abs(analytic[i]! - 0.25 * difference)).toBeLessThan(tolerance * 0.1);
    }
    writeFloats(logits, values);
    backend.kernels.run(crossEntropy, { logits, targets, losses, logitsGradient: logits, gradientScale: 0.25 });
    expect(Array.from(readFloats(logits))).toEqual(Array.from(analytic));
  });

  test("refuses a target outside the vocabulary", () => {
    const logits = random([1, 3], 1);
    const [targets, losses] = [backend.upload(Int32Array.of(3), [1], "i32"), backend.allocate([1], "f32")];
    expect(() => backend.kernels.run(crossEntropy, { logits, targets, losses })).toThrow(/target 3 of row 0 is outside a vocabulary of 3/);
  });
});
