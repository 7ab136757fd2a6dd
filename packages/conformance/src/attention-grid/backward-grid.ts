import { MemoryScope } from "@elastic-attention/core";
import { attentionBackward, type AttentionBackwardCall, hybridAttention } from "@elastic-attention/attention";
import { type Backend, cast, type FloatDType, fromBFloat16, fromFloat16, type Tensor, toBFloat16, toFloat16 } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { sameBits } from "../agreement.js";
import type { BackendUnderTest } from "../backend-under-test.js";
import { backwardCases } from "./backward-cases.js";
import { float64Backward } from "./float64-attention.js";
import { type BackwardCase, type GridSize, keyValueHeads, titleOf } from "./grid-case.js";
import { float32Operands, type GridOperands, gridOperands, normalRows, poison, widen } from "./grid-operands.js";
import { forEachHead, headRows, mostExactProducts, productsOf } from "./host-operands.js";

/** What a forward call left, and the gradient of its output. */
interface ForwardResults {
  readonly output: Tensor;
  readonly logSumExp: Tensor;
  readonly outputGradient: Tensor;
}

/** Gradients of the queries, then of keys and values of each sequence's tokens, head after head. */
type Gradients = readonly (Float32Array | Float64Array)[];

const halves = { bf16: [toBFloat16, fromBFloat16], f16: [toFloat16, fromFloat16] } as const;

function rounding(dtype: FloatDType): (value: number) => number {
  if (dtype === "f32") return Math.fround;
  const [narrow, widenHalf] = halves[dtype];
  return (value) => widenHalf(narrow(value));
}

/** The forward in float32, its output rounded to the type of the case. */
function forwardResults(backend: Backend, scope: MemoryScope, shape: BackwardCase, operands: GridOperands): ForwardResults {
  const { query, sequences, scores } = float32Operands(backend, scope, operands);
  const [tokens, heads] = query.shape as readonly [number, number];
  const [exact, logSumExp] = [poison(backend, scope, query.shape, "f32"), poison(backend, scope, [tokens, heads], "f32")];
  backend.kernels.run(hybridAttention, { query, output: exact, logSumExp, sequences, ...scores });
  const output = poison(backend, scope, query.shape, shape.dtype);
  backend.kernels.run(cast, { input: exact, output });
  return { output, logSumExp, outputGradient: normalRows(backend, scope, shape, 2, 1) };
}

/** Tensors that gradients go to: NaN, or a half where they are added to. */
function gradientTensors(backend: Backend, scope: MemoryScope, { query, sequences }: GridOperands, dtype: FloatDType, accumulate: boolean) {
  const fresh = (shape: readonly number[]): Tensor => {
    if (!accumulate) return poison(backend, scope, shape, dtype);
    if (dtype !== "f32") throw new RangeError("the grid accumulates in f32 only");
    return scope.track(backend.upload(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5), shape, dtype));
  };
  const queryGradient = fresh(query.shape);
  const cacheGradients = sequences.map(({ cache }) => ({ keys: fresh(cache.keys.shape), values: fresh(cache.values.shape) }));
  return { queryGradient, cacheGradients };
}

type Targets = ReturnType<typeof gradientTensors>;

function run(backend: Backend, scope: MemoryScope, operands: GridOperands, results: ForwardResults, options: Pick<BackwardCase, "gradientDType" | "accumulate" | "deterministic">): Targets {
  const targets = gradientTensors(backend, scope, operands, options.gradientDType, options.accumulate);
  const { query, sequences, scores } = operands;
  const call: AttentionBackwardCall = { query, sequences, ...scores, ...results, ...targets, accumulate: options.accumulate, deterministic: options.deterministic };
  backend.kernels.run(attentionBackward, call);
  return targets;
}

/** Rows of tokens alone, and whether all others are still as they were. */
function tokensOf(tensor: Tensor, { cache }: GridOperands["sequences"][number]): { readonly rows: Float32Array; readonly clean: boolean } {
  const all = tensor.toFloat32();
  const rows = new Float32Array(cache.heads.length * cache.length * cache.headDim);
  let clean = true;
  for (const [head, { firstSlot, numSlots }] of cache.heads.entries()) {
    const [first, end] = [firstSlot * cache.headDim, (firstSlot + cache.length) * cache.headDim];
    rows.set(all.subarray(first, end), head * cache.length * cache.headDim);
    clean &&= all.subarray(end, (firstSlot + numSlots) * cache.headDim).every(Number.isNaN);
  }
  return { rows, clean };
}

function inFloat32(backend: Backend, operands: GridOperands, results: ForwardResults): Gradients {
  using scope = new MemoryScope();
  const wide = float32Operands(backend, scope, operands);
  const inputs = { ...results, output: widen(backend, scope, results.output), outputGradient: widen(backend, scope, results.outputGradient) };
  const { queryGradient, cacheGradients } = run(backend, scope, wide, inputs, { gradientDType: "f32", accumulate: false, deterministic: true });
  const caches = cacheGradients.flatMap(({ keys, values }, index) => [keys, values].map((tensor) => tokensOf(tensor, wide.sequences[index]!).rows));
  return [queryGradient.toFloat32(), ...caches];
}

/** In float64; with a rounding as a naive kernel's. */
function inFloat64(shape: BackwardCase, operands: GridOperands, results: ForwardResults, round?: (value: number) => number): Gradients {
  const { headDim } = shape;
  const heads = keyValueHeads(shape) * shape.group;
  const queryGradient = new Float64Array(operands.query.numElements);
  const caches = operands.sequences.flatMap(({ cache }) => [0, 1].map(() => new Float64Array(cache.heads.length * cache.length * headDim)));
  const [outputs, outputGradients] = [results.output.toFloat32(), results.outputGradient.toFloat32()];
  const logSumExps = results.logSumExp.toFloat32();
  forEachHead(shape, operands, (inputs, { sequence, head, keyValueHead }) => {
    const { start, length, cache } = operands.sequences[sequence]!;
    const rowsOf = (rows: Float32Array, width: number): Float32Array =>
      headRows(rows.subarray(start * heads * width, (start + length) * heads * width), heads, head, width);
    const size = cache.length * headDim;
    const [keys, values] = [0, 1].map((side) => caches[2 * sequence + side]!.subarray(keyValueHead * size, (keyValueHead + 1) * size));
    const rows = { output: rowsOf(outputs, headDim), outputGradient: rowsOf(outputGradients, headDim), logSumExp: rowsOf(logSumExps, 1) };
    const gradient = float64Backward({ ...inputs, ...rows }, { keys: keys!, values: values! }, round);
    for (let row = 0; row < length; row++) {
      queryGradient.set(gradient.subarray(row * headDim, (row + 1) * headDim), ((start + row) * heads + head) * headDim);
    }
  });
  return [queryGradient, ...caches];
}

interface Errors {
  readonly largest: number;
  readonly meanSquare: number;
  readonly magnitude: number;
}

function errorsOf(actual: Gradients[number], expected: Gradients[number], offset: number): Errors {
  let [largest, squares, total, magnitude] = [0, 0, 0, 0];
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i]! - offset - expected[i]!);
    if (!(error <= largest)) largest = Number.isNaN(error) ? Infinity : error;
    squares += error * error;
    total += expected[i]! ** 2;
    magnitude = Math.max(magnitude, Math.abs(expected[i]!));
  }
  return { largest, meanSquare: squares / Math.max(total, 1e-30), magnitude };
}

function expectCase(subject: BackendUnderTest, shape: BackwardCase): void {
  using backend = subject.create();
  {
    using scope = new MemoryScope();
    const operands = gridOperands(backend, scope, shape);
    const results = forwardResults(backend, scope, shape, operands);
    const [first, second] = [0, 1].map(() => run(backend, scope, operands, results, shape));
    for (const [index, pair] of first!.cacheGradients.entries()) {
      const again = second!.cacheGradients[index]!;
      expect(sameBits(pair.keys.download(), again.keys.download()), "dK has the same bits again").toBe(true);
      expect(sameBits(pair.values.download(), again.values.download()), "dV has the same bits again").toBe(true);
    }
    if (shape.deterministic) {
      expect(sameBits(first!.queryGradient.download(), second!.queryGradient.download()), "dQ has the same bits again").toBe(true);
    }
    const caches = first!.cacheGradients.flatMap(({ keys, values }, index) => [keys, values].map((tensor) => tokensOf(tensor, operands.sequences[index]!)));
    if (!shape.accumulate) expect(caches.every(({ clean }) => clean), "slots without a token are left alone").toBe(true);
    expectGradients(backend, shape, operands, results, [first!.queryGradient.toFloat32(), ...caches.map(({ rows }) => rows)]);
  }
  expect(backend.memory().liveAllocations).toBe(0);
}

/** At most one part in 2^7 (bf16) or 2^10 (f16) of the largest gradient, or three times a naive kernel's error. */
function expectGradients(backend: Backend, shape: BackwardCase, operands: GridOperands, results: ForwardResults, actual: Gradients): void {
  const exact = 5 * productsOf(shape) <= mostExactProducts || shape.magnitude > 1;
  const expected = exact ? inFloat64(shape, operands, results) : inFloat32(backend, operands, results);
  const offset = shape.accumulate ? 0.5 : 0;
  const floor = shape.dtype === "bf16" ? 2 ** -7 : 2 ** -10;
  const magnitudes = expected.map((right) => errorsOf(right, right, 0).magnitude);
  // The terms of a gradient cancel, all of them where a row sees one key: what is left of float32 sums in another order.
  const leeway = 2e-6 * Math.max(...magnitudes);
  let naive: Gradients | undefined;
  for (const [index, right] of expected.entries()) {
    const { largest, meanSquare } = errorsOf(actual[index]!, right, offset);
    let bound = Math.max(floor * magnitudes[index]!, leeway);
    if (largest > bound) {
      naive ??= inFloat64(shape, operands, results, rounding(shape.dtype));
      bound = Math.max(bound, 3 * errorsOf(naive[index]!.map(rounding(shape.gradientDType)), right, 0).largest);
    }
    expect(largest, `the largest error of gradient ${index}`).toBeLessThanOrEqual(bound);
    if (magnitudes[index]! <= leeway) continue;
    // An added gradient is rounded with what was there.
    expect(meanSquare, `gradient ${index}'s mean square error over its mean square`).toBeLessThanOrEqual(shape.accumulate ? 5e-3 : 5e-4);
  }
}

/** Attention's gradients over a grid of shapes, patterns and types, against float64 or the backend's float32 kernels. */
export function describeBackwardGrid(subject: BackendUnderTest, size: GridSize): void {
  describe(`attention's gradients of ${subject.name} over the grid`, () => {
    for (const shape of backwardCases(size)) {
      test(`${titleOf(shape)}: at most three times a naive kernel's error, and the same bits again`, () => expectCase(subject, shape));
    }
  });
}
