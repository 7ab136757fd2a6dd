import { seededRandom } from "@elastic-attention/fixtures";
import { describe, expect, test } from "vitest";
import {
  cast,
  defineOperation,
  embedding,
  firstNotFinite,
  gatedActivation,
  linear,
  type LinearWeight,
  packLinear,
  readFloats,
  ReferenceBackend,
  rmsNorm,
  Tape,
  type Tensor,
  writeFloats,
} from "../src/index.js";
import { MissingGradientRuleError, OutOfMemoryError, TapeError } from "@elastic-attention/core";

const backend = new ReferenceBackend();

function random(shape: readonly number[], seed: number, on = backend): Tensor {
  const draw = seededRandom(seed);
  const tensor = on.allocate(shape, "f32");
  writeFloats(tensor, Float64Array.from({ length: tensor.numElements }, () => 2 * draw() - 1));
  return tensor;
}

function packed(outFeatures: number, inFeatures: number, seed: number, on = backend): LinearWeight {
  using matrix = random([outFeatures, inFeatures], seed, on);
  return on.kernels.run(packLinear, { weights: [matrix], dtype: "f32" });
}

const [rows, features] = [6, 4];

/** A gated MLP on `input`, over chunks of two rows, written to `output`; each chunk in a checkpoint where asked for. */
class Mlp {
  constructor(
    readonly on: ReferenceBackend,
    seed: number,
    readonly norm = random([features], seed, on),
    readonly gateUp = packed(10, features, seed + 1, on),
    readonly down = packed(features, 5, seed + 2, on),
  ) {}

  run(tape: Tape, input: Tensor, output: Tensor, inCheckpoints: boolean): void {
    for (let start = 0; start < rows; start += 2) {
      const [from, to] = [input.rows(start, start + 2), output.rows(start, start + 2)];
      const body = (inner: Tape) => this.#chunk(inner, from, to);
      if (inCheckpoints) tape.checkpoint({ inputs: [from], outputs: [to] }, body);
      else body(tape);
    }
  }

  #chunk(tape: Tape, from: Tensor, to: Tensor): void {
    const normed = tape.allocate([2, features], "f32");
    const fused = tape.allocate([2, 10], "f32");
    const gated = tape.allocate([2, 5], "f32");
    tape.run(rmsNorm, { input: from, weight: this.norm, epsilon: 1e-3, output: normed });
    tape.run(linear, { input: normed, weight: this.gateUp, output: fused });
    tape.run(gatedActivation, { gate: fused.columns(0, 5), up: fused.columns(5, 10), activation: "silu", output: gated });
    tape.run(cast, { input: from, output: to });
    tape.run(linear, { input: gated, weight: this.down, output: to, accumulate: true });
  }

  dispose(): void {
    for (const resource of [this.norm, this.gateUp, this.down]) resource.dispose();
  }
}

type Checkpoints = "none" | "layers" | "chunks" | "nested";

/** Three layers; returns the gradient of the input and what the way there cost. */
function gradientOf(input: Tensor, layers: readonly Mlp[], checkpoints: Checkpoints, on = backend) {
  using tape = new Tape(on);
  tape.watch(input);
  let hidden = input;
  for (const layer of layers) {
    const [from, to] = [hidden, tape.allocate(input.shape, "f32")];
    const body = (inner: Tape) => layer.run(inner, from, to, checkpoints === "nested" || checkpoints === "chunks");
    if (checkpoints === "layers" || checkpoints === "nested") tape.checkpoint({ inputs: [from], outputs: [to] }, body);
    else body(tape);
    hidden = to;
  }
  const steps = tape.numSteps;
  const values = Array.from(readFloats(hidden));
  tape.seed(hidden, (gradient) => writeFloats(gradient, values.map((_, i) => Math.cos(i))));
  tape.backward();
  return { values, gradient: Array.from(readFloats(tape.gradient(input)!)), steps };
}

describe("checkpoints", () => {
  test("change no bit, however they are nested", () => {
    const layers = [1, 11, 21].map((seed) => new Mlp(backend, seed));
    const input = random([rows, features], 5);
    const plain = gradientOf(input, layers, "none");
    expect(plain.gradient.every((value) => Number.isFinite(value) && value !== 0)).toBe(true);
    for (const checkpoints of ["layers", "chunks", "nested"] as const) {
      const result = gradientOf(input, layers, checkpoints);
      expect(result.values).toEqual(plain.values);
      expect(result.gradient).toEqual(plain.gradient);
      expect(result.steps).toBeLessThan(plain.steps);
    }
  });

  test("keep less memory", () => {
    const on = new ReferenceBackend();
    const layers = Array.from({ length: 12 }, (_, index) => new Mlp(on, index));
    const input = random([rows, features], 5, on);
    const peak = (checkpoints: Checkpoints) => {
      on.resetPeak();
      const before = on.memory().liveBytes;
      gradientOf(input, layers, checkpoints, on);
      expect(on.memory().liveBytes).toBe(before);
      return on.memory().peakBytes - before;
    };
    expect(peak("layers")).toBeLessThan(0.5 * peak("none"));
    expect(peak("nested")).toBeLessThan(0.85 * peak("layers"));
  });

  test("compute their results once: on the way back only what gradients read", () => {
    const on = new ReferenceBackend();
    let products = 0;
    on.kernels.register(linear, {
      name: "counted",
      supports: () => [],
      run(call, target) {
        products += 1;
        linear.reference.run(call, target);
      },
    });
    const input = random([rows, features], 5, on);
    gradientOf(input, [new Mlp(on, 1)], "nested", on);
    // Three chunks: two products each on the way there, and the first one again on the way back.
    expect(products).toBe(3 * 2 + 3);
  });

  test("refuse a body that reads a result of theirs or an input that they were not told of", () => {
    const [input, other, weight] = [random([2, 4], 1), random([2, 4], 2), packed(4, 4, 3)];
    using tape = new Tape(backend);
    tape.watch(input);
    tape.watch(other);
    const output = tape.allocate([2, 4], "f32");
    expect(() =>
      tape.checkpoint({ inputs: [input], outputs: [output] }, (inner) => {
        inner.run(linear, { input, weight, output });
        inner.run(linear, { input: output, weight, output: inner.allocate([2, 4], "f32") });
      }),
    ).toThrow(/linear reads an output of its checkpoint/);
    expect(() =>
      tape.checkpoint({ inputs: [input], outputs: [output] }, (inner) => inner.run(linear, { input: other, weight, output })),
    ).toThrow(/is no input of its checkpoint/);
  });
});

describe("a tape", () => {
  test("keeps nothing of frozen computations", () => {
    const [input, weight] = [random([2, 4], 1), packed(4, 4, 2)];
    using tape = new Tape(backend);
    tape.run(linear, { input, weight, output: tape.allocate([2, 4], "f32") });
    expect(tape.numSteps).toBe(0);
  });

  test("adds to gradients that belong to the caller", () => {
    const [input, weight, total] = [random([2, 4], 1), packed(3, 4, 2), random([2, 4], 3)];
    const before = readFloats(total);
    const once = () => {
      using tape = new Tape(backend);
      tape.watch(input, total);
      const output = tape.allocate([2, 3], "f32");
      tape.run(linear, { input, weight, output });
      tape.seed(output, (gradient) => writeFloats(gradient, new Float32Array(6).fill(1)));
      tape.backward();
    };
    once();
    const first = readFloats(total).map((value, i) => value - before[i]!);
    once();
    expect(first.some((value) => value !== 0)).toBe(true);
    for (const [i, value] of readFloats(total).entries()) expect(value).toBeCloseTo(before[i]! + 2 * first[i]!, 5);
    expect(total.disposed).toBe(false);
  });

  test("lets buffers be used again: a gradient belongs to the value that was there", () => {
    const [input, weight] = [random([4, 4], 1), packed(4, 4, 2)];
    const gradient = (shared: boolean) => {
      using tape = new Tape(backend);
      tape.watch(input);
      const output = tape.allocate([4, 4], "f32");
      const buffer = tape.allocate([2, 4], "f32");
      for (const start of [0, 2]) {
        const between = shared ? buffer : tape.allocate([2, 4], "f32");
        tape.run(linear, { input: input.rows(start, start + 2), weight, output: between });
        tape.run(linear, { input: between, weight, output: output.rows(start, start + 2) });
      }
      // A constant takes the buffer over: what it gets must not reach the input.
      using constant = random([2, 4], 9);
      tape.run(cast, { input: constant, output: buffer });
      tape.run(linear, { input: buffer, weight, output: output.rows(2, 4), accumulate: true });
      tape.seed(output, (target) => writeFloats(target, new Float32Array(16).map((_, i) => i + 1)));
      tape.backward();
      return Array.from(readFloats(tape.gradient(input)!));
    };
    expect(gradient(true)).toEqual(gradient(false));
  });

  test("says when a value that a gradient needs was overwritten, before or after", () => {
    const [input, weight] = [random([2, 4], 1), random([4], 2)];
    using tape = new Tape(backend);
    const copy = tape.allocate([2, 4], "f32");
    tape.watch(input);
    tape.run(cast, { input, output: copy });
    expect(() => tape.run(rmsNorm, { input: copy, weight, epsilon: 1e-3, output: copy })).toThrow(TapeError);
    const output = tape.allocate([2, 4], "f32");
    tape.run(rmsNorm, { input: copy, weight, epsilon: 1e-3, output });
    tape.run(cast, { input: output.rows(0, 1), output: copy.rows(1, 2) });
    tape.seed(output, (gradient) => writeFloats(gradient, new Float32Array(8).fill(1)));
    expect(() => tape.backward()).toThrow(/the gradient of rmsNorm needs, \[2, 4\], was overwritten/);
  });

  test("refuses operations without a rule, and operands that a rule does not cover", () => {
    const [input, weight] = [random([2, 4], 1), random([4], 2)];
    using tape = new Tape(backend);
    tape.watch(input);
    tape.watch(weight);
    const ids = tape.allocate([2], "i32");
    const doubled = defineOperation<{ readonly input: Tensor }>("doubled", () => {});
    expect(() => tape.run(firstNotFinite, { input, output: ids })).toThrow(MissingGradientRuleError);
    expect(() => tape.run(doubled, { input })).toThrow(/"doubled"/);
    expect(() => tape.run(embedding, { ids, table: input, output: tape.allocate([2, 4], "f32") })).toThrow(MissingGradientRuleError);
    const output = tape.allocate([2, 4], "f32");
    expect(() => tape.run(rmsNorm, { input, weight, epsilon: 1e-3, output })).toThrow(MissingGradientRuleError);
  });

  test("rounds gradients to the type of their values", () => {
    const [input, weight] = [random([2, 4], 1), packed(4, 4, 2)];
    using tape = new Tape(backend);
    const half = tape.allocate([2, 4], "bf16");
    tape.watch(input);
    tape.run(cast, { input, output: half });
    const output = tape.allocate([2, 4], "f32");
    tape.run(linear, { input: half, weight, output });
    tape.seed(output, (gradient) => writeFloats(gradient, new Float32Array(8).fill(1)));
    tape.stepBack();
    expect(tape.gradient(half)!.dtype).toBe("bf16");
    tape.backward();
    expect(tape.gradient(input)!.dtype).toBe("f32");
  });

  test("leaves nothing behind when any allocation fails", () => {
    const on = new ReferenceBackend();
    const layers = [1, 11].map((seed) => new Mlp(on, seed));
    const input = random([rows, features], 5, on);
    const before = on.memory().liveAllocations;
    const allocate = on.allocate.bind(on);
    for (const checkpoints of ["none", "nested"] as const) {
      let count = 0;
      let failAt = Infinity;
      on.allocate = (shape, dtype) => {
        count += 1;
        if (count === failAt) throw new OutOfMemoryError("test", 1, 1, undefined);
        return allocate(shape, dtype);
      };
      gradientOf(input, layers, checkpoints, on);
      const total = count;
      expect(total).toBeGreaterThan(20);
      for (failAt = 1; failAt <= total; failAt++) {
        count = 0;
        expect(() => gradientOf(input, layers, checkpoints, on)).toThrow(OutOfMemoryError);
        expect(on.memory().liveAllocations).toBe(before);
      }
    }
    on.allocate = allocate;
    for (const layer of layers) layer.dispose();
    input.dispose();
    expect(on.memory().liveAllocations).toBe(0);
  });
});
