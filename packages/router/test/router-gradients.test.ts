import { checkGradients, ReferenceBackend, type Tape, type Tensor, writeFloats } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { routerLogits, routerParameters, type RouterPooling, type RouterWeights } from "../src/index.js";

const backend = new ReferenceBackend({ precision: "f64" });
/** The figure to meet, relative. */
const tolerance = 1e-6;
const [headDim, width, heads] = [4, 8, 3];
const offsets = [0, 5, 12];

function random(shape: readonly number[], seed: number): Tensor {
  const tensor = backend.allocate(shape, "f32");
  writeFloats(tensor, Float64Array.from({ length: tensor.numElements }, (_, i) => Math.sin(seed * 7.31 + i * 1.7 + (i % 5))));
  return tensor;
}

const linear = (outFeatures: number, inFeatures: number, seed: number) => ({
  weight: random([outFeatures, inFeatures], seed),
  bias: random([outFeatures], seed + 1),
});
const weights: RouterWeights = {
  headDim,
  decides: "heads",
  classes: 2,
  parameters: 0,
  taskMlp: [linear(width, headDim, 1), linear(headDim, width, 3)],
  routerMlp: [linear(width, headDim, 5), linear(headDim, width, 7), linear(2, headDim, 9)],
  [Symbol.dispose]: () => {},
};
const keys = random([12, heads, headDim], 20);

function logits(tape: Tape, pooling: RouterPooling): readonly Tensor[] {
  const output = tape.allocate([offsets.length - 1, heads, 2], "f32");
  tape.run(routerLogits, { keys, offsets, weights, pooling, rounding: "float32", output });
  return [output];
}

/** Inputs whose gradient is not what finite differences say. */
const wrong = (inputs: readonly Tensor[], pooling: RouterPooling) =>
  checkGradients({ inputs, run: (tape) => logits(tape, pooling) }).filter(({ relative }) => !(relative < tolerance));

describe("gradients of the router by finite differences in float64", () => {
  const poolings: readonly RouterPooling[] = [
    { kind: "mean" },
    // 5 tokens: the first and the last 3 overlap in one row, which counts twice.
    { kind: "boundary", tokens: 3 },
    { kind: "ranges", ranges: [[[1, 3]], [[6, 7], [9, 12]]] },
  ];
  test.each(poolings)("every parameter and the keys, pooled by $kind", (pooling) => {
    const inputs = [...routerParameters(weights), keys];
    expect(inputs.length).toBe(11);
    expect(wrong(inputs, pooling)).toEqual([]);
  });

  test("of one frozen part are left out", () => {
    expect(wrong([keys], { kind: "mean" })).toEqual([]);
  });
});

describe("pooling of named ranges", () => {
  test("equals the mean where they name every row", () => {
    const run = (pooling: RouterPooling) => {
      using output = backend.allocate([2, heads, 2], "f32");
      backend.kernels.run(routerLogits, { keys, offsets, weights, pooling, rounding: "float32", output });
      return Array.from(output.toFloat32());
    };
    expect(run({ kind: "ranges", ranges: [[[0, 5]], [[5, 12]]] })).toEqual(run({ kind: "mean" }));
  });

  test.each([
    [[[[0, 6]], [[6, 7]]], /rows 0 to 6 leave sequence 0/],
    [[[[0, 2]], [[4, 7]]], /rows 4 to 7 leave sequence 1/],
    [[[[0, 2]], []], /sequence 1 has no rows/],
    [[[[2, 1]], [[6, 7]]], /leave sequence 0/],
  ] as const)("refuses %j", (ranges, message) => {
    const call = { keys, offsets, weights, rounding: "float32" as const, output: backend.allocate([2, heads, 2], "f32") };
    expect(() => backend.kernels.run(routerLogits, { ...call, pooling: { kind: "ranges", ranges } })).toThrow(message);
  });
});
