import { describe, expect, test } from "vitest";
import {
  activate, activations, add, cast, checkGradients, embedding, gatedActivation, type GateActivation, layerNorm, readFloats, ReferenceBackend, rotary, scale, type Tape, type Tensor, writeFloats,
} from "../../src/index.js";
import { randomTensor } from "./random-tensors.js";

const backend = new ReferenceBackend({ precision: "f64" });
const random = (shape: readonly number[], seed: number, center = 0) => randomTensor(backend, shape, seed, center);

function tensor(values: readonly number[], shape: readonly number[] = [1, values.length]): Tensor {
  const result = backend.allocate(shape, "f32");
  writeFloats(result, values);
  return result;
}

function expectRight(inputs: readonly Tensor[], run: (tape: Tape) => readonly Tensor[]): void {
  expect(checkGradients({ inputs, run }).filter(({ relative }) => !(relative < 1e-6))).toEqual([]);
}

function expectClose(found: Tensor, expected: readonly number[]): void {
  for (const [i, value] of readFloats(found).entries()) expect(value).toBeCloseTo(expected[i]!, 12);
}

describe("activations", () => {
  // x · erfc(−x / √2) / 2 in double precision, by another library.
  test("gelu is exact where the distribution function is near its ends and in its middle", () => {
    const input = tensor([-8, -3, -1, -1e-3, 0, 0.5, 2, 3.5, 9]);
    const output = backend.allocate(input.shape, "f32");
    backend.kernels.run(activate, { input, activation: "gelu", output });
    const found = Array.from(readFloats(output));
    const expected = [
      -4.9767684594174555e-15, -0.004049694094890287, -0.15865525393145707, -0.000499601057786089, 0, 0.34573123063700656, 1.9544997361036416,
      3.4991857982233756, 9,
    ];
    for (const [i, value] of expected.entries()) expect(Math.abs(found[i]! - value)).toBeLessThanOrEqual(1e-13 * Math.abs(value));
  });

  test("geluTanh, relu and its square at known points", () => {
    const input = tensor([-2, 0, 1, 3]);
    const of = (activation: "geluTanh" | "relu" | "reluSquared") => {
      const output = backend.allocate(input.shape, "f32");
      backend.kernels.run(activate, { input, activation, output });
      return output;
    };
    expectClose(of("geluTanh"), [-2, 0, 1, 3].map((x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))));
    expectClose(of("relu"), [0, 0, 1, 3]);
    expectClose(of("reluSquared"), [0, 0, 1, 9]);
  });

  test("the clamped gate cuts the gate above and the other operand on both sides", () => {
    const [gate, up] = [tensor([1, 9, -9, 2]), tensor([0.5, 9, -9, -1])];
    const output = backend.allocate(gate.shape, "f32");
    backend.kernels.run(gatedActivation, { gate, up, activation: { kind: "clampedSwiglu", alpha: 1.702, limit: 7 }, output });
    const glu = (x: number) => x / (1 + Math.exp(-1.702 * x));
    expectClose(output, [glu(1) * 1.5, glu(7) * 8, glu(-9) * -6, 0]);
  });

  const gates: readonly GateActivation[] = [...activations, { kind: "clampedSwiglu", alpha: 1.3, limit: 0.6 }];
  test.each(gates)("gated by %o: gradients of gate and up", (activation) => {
    const fused = random([3, 10], 5);
    expectRight([fused], (tape) => {
      const output = tape.allocate([3, 5], "f32");
      tape.run(gatedActivation, { gate: fused.columns(0, 5), up: fused.columns(5, 10), activation, output });
      return [output];
    });
  });

  test.each(activations)("%s without a gate: its gradient", (activation) => {
    const input = random([4, 5], 6);
    expectRight([input], (tape) => {
      const output = tape.allocate([4, 5], "f32");
      tape.run(activate, { input, activation, output });
      return [output];
    });
  });
});

describe("layerNorm", () => {
  test("takes mean and variance over all features, then weight and bias", () => {
    const [input, weight, bias] = [tensor([1, 2, 3, 6]), tensor([1, 2, 1, -1], [4]), tensor([0, 1, 0, 5], [4])];
    const output = backend.allocate([1, 4], "f32");
    backend.kernels.run(layerNorm, { input, weight, bias, epsilon: 0.5, output });
    const scaled = [-2, -1, 0, 3].map((x) => x / Math.sqrt(3.5 + 0.5));
    expectClose(output, [scaled[0]!, scaled[1]! * 2 + 1, 0, 5 - scaled[3]!]);
  });

  test("passes its gradient on, alone and beside another use of its input", () => {
    const [input, weight, bias] = [random([3, 6], 1), random([6], 2, 1), random([6], 3)];
    expectRight([input], (tape) => {
      const [output, sum] = [tape.allocate([3, 6], "f32"), tape.allocate([3, 6], "f32")];
      tape.run(layerNorm, { input, weight, bias, epsilon: 1e-3, output });
      tape.run(add, { a: output, b: input, output: sum });
      return [output, sum];
    });
  });
});

describe("rotary", () => {
  const positions = backend.upload(Int32Array.of(2, 0), [2], "i32");
  const angles = Array.from({ length: 6 }, (_, i) => 0.3 * (i + 1));
  const [cosine, sine] = [tensor(angles.map(Math.cos), [3, 2]), tensor(angles.map(Math.sin), [3, 2])];

  test("of neighbouring pairs is that of halves with the elements laid otherwise", () => {
    const halves = random([2, 1, 4], 1);
    const source = readFloats(halves);
    const order = [0, 2, 1, 3];
    const neighbours = tensor(Array.from({ length: 8 }, (_, i) => source[(i & ~3) + order[i & 3]!]!), [2, 1, 4]);
    backend.kernels.run(rotary, { heads: halves, positions, cosine, sine });
    backend.kernels.run(rotary, { heads: neighbours, positions, cosine, sine, pairs: "neighbours" });
    const turned = readFloats(halves);
    expectClose(neighbours, Array.from({ length: 8 }, (_, i) => turned[(i & ~3) + order[i & 3]!]!));
  });

  test.each(["halves", "neighbours"] as const)("of the first %s of a head leaves the others, forwards and on the way back", (pairs) => {
    const input = random([2, 14], 2);
    const before = Array.from(readFloats(input));
    const copy = backend.allocate([2, 14], "f32");
    backend.kernels.run(cast, { input, output: copy });
    backend.kernels.run(rotary, { heads: copy.reshape([2, 2, 7]), positions, cosine, sine, pairs });
    const after = readFloats(copy);
    for (const [i, value] of before.entries()) {
      if (i % 7 >= 4) expect(after[i]).toBe(value);
      else expect(after[i]).not.toBe(value);
    }
    expectRight([input], (tape) => {
      const heads = tape.allocate([2, 2, 7], "f32");
      tape.run(cast, { input: input.reshape([2, 2, 7]), output: heads });
      tape.run(rotary, { heads, positions, cosine, sine, pairs });
      return [heads];
    });
  });

  test("refuses tables that are wider than a head", () => {
    const heads = random([2, 1, 3], 1);
    expect(() => backend.kernels.run(rotary, { heads, positions, cosine, sine })).toThrow(/tables of 2 pairs do not fit heads of 3 elements/);
  });
});

describe("multipliers", () => {
  test("scale with and without a soft cap, forwards and on the way back", () => {
    const input = tensor([-40, -1, 0, 2, 90]);
    const output = backend.allocate(input.shape, "f32");
    backend.kernels.run(scale, { input, factor: 0.5, softCap: 30, output });
    expectClose(output, [-40, -1, 0, 2, 90].map((x) => 30 * Math.tanh((x * 0.5) / 30)));
    expect(() => backend.kernels.run(scale, { input, factor: 1, softCap: 0, output })).toThrow(/soft cap must be above 0/);
    const values = random([3, 4], 1);
    expectRight([values], (tape) => {
      const [plain, capped] = [tape.allocate([3, 4], "f32"), tape.allocate([3, 4], "f32")];
      tape.run(scale, { input: values, factor: -3, output: plain });
      tape.run(scale, { input: plain, factor: 2, output: plain });
      tape.run(scale, { input: plain, factor: 0.1, softCap: 0.7, output: capped });
      return [plain, capped];
    });
  });

  test("add with a multiplier: beside, in place of either summand, and a tensor to itself", () => {
    const [a, b] = [random([2, 3], 1), random([2, 3], 2)];
    const sum = backend.allocate([2, 3], "f32");
    backend.kernels.run(add, { a, b, scale: 0.25, output: sum });
    const [x, y] = [readFloats(a), readFloats(b)];
    expectClose(sum, Array.from(x, (value, i) => value + 0.25 * y[i]!));
    expectRight([a, b], (tape) => {
      const [first, second] = [tape.allocate([2, 3], "f32"), tape.allocate([2, 3], "f32")];
      tape.run(add, { a, b, scale: 0.25, output: first });
      tape.run(add, { a, b: first, scale: 3, output: first });
      tape.run(add, { a: first, b, scale: -2, output: first });
      tape.run(add, { a: first, b: first, scale: 0.5, output: second });
      tape.run(add, { a: second, b: second, scale: 0.5, output: second });
      return [first, second];
    });
  });

  test("embedding multiplies what it reads", () => {
    const ids = backend.upload(Int32Array.of(1, 0), [2], "i32");
    const output = backend.allocate([2, 2], "f32");
    backend.kernels.run(embedding, { ids, table: tensor([1, 2, 3, 4], [2, 2]), scale: 8, output });
    expectClose(output, [24, 32, 8, 16]);
  });
});
