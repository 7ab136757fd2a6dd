import { MemoryScope } from "@elastic-attention/core";
import { dualAttention, hybridAttention, knownPatterns } from "@elastic-attention/attention";
import { type Backend, fromBFloat16, fromFloat16, type Tensor, toBFloat16, toFloat16 } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { sameBits } from "../agreement.js";
import type { BackendUnderTest } from "../backend-under-test.js";
import { relativeError } from "../random-tensors.js";
import { float64Forward } from "./float64-attention.js";
import { forwardCases } from "./forward-cases.js";
import { type ForwardCase, full, type GridCase, type GridSize, selected, streaming, titleOf } from "./grid-case.js";
import { float32Operands, type GridOperands, gridOperands, poison } from "./grid-operands.js";
import { forEachHead, mostExactProducts, productsOf } from "./host-operands.js";

interface Side {
  readonly output: Tensor;
  readonly logSumExp: Tensor;
}

interface HostSide {
  readonly output: Float32Array | Float64Array;
  readonly logSumExp: Float32Array | Float64Array;
}

function emptySide(backend: Backend, scope: MemoryScope, { query }: GridOperands): Side {
  const [tokens, heads] = query.shape;
  return { output: poison(backend, scope, query.shape, query.dtype as "f32"), logSumExp: poison(backend, scope, [tokens!, heads!], "f32") };
}

function forward(backend: Backend, scope: MemoryScope, operands: GridOperands): Side {
  const side = emptySide(backend, scope, operands);
  const { query, sequences, scores } = operands;
  backend.kernels.run(hybridAttention, { query, ...side, sequences, ...scores });
  return side;
}

/** The sides of a case: of its patterns, behind that of full attention in a dual call. */
function run(backend: Backend, scope: MemoryScope, operands: GridOperands, dual: boolean): readonly Side[] {
  if (!dual) return [forward(backend, scope, operands)];
  const [fullSide, sparseSide] = [emptySide(backend, scope, operands), emptySide(backend, scope, operands)];
  const { query, sequences, scores } = operands;
  backend.kernels.run(dualAttention, {
    query,
    fullOutput: fullSide.output,
    fullLogSumExp: fullSide.logSumExp,
    sparseOutput: sparseSide.output,
    sparseLogSumExp: sparseSide.logSumExp,
    sequences,
    ...scores,
  });
  return [fullSide, sparseSide];
}

function allFull<Case extends GridCase>(shape: Case): Case {
  return { ...shape, patterns: shape.patterns.map((heads) => heads.map(() => full)) };
}

function inFloat64(shape: GridCase, operands: GridOperands): HostSide {
  const [tokens, heads] = operands.query.shape as readonly [number, number];
  const [output, logSumExp] = [new Float64Array(tokens * heads * shape.headDim), new Float64Array(tokens * heads)];
  forEachHead(shape, operands, (inputs, { sequence, head }) => {
    const { start, length } = operands.sequences[sequence]!;
    const results = float64Forward(inputs);
    for (let row = 0; row < length; row++) {
      const place = (start + row) * heads + head;
      output.set(results.output.subarray(row * shape.headDim, (row + 1) * shape.headDim), place * shape.headDim);
      logSumExp[place] = results.logSumExp[row]!;
    }
  });
  return { output, logSumExp };
}

function inFloat32(backend: Backend, shape: GridCase, operands: GridOperands): HostSide {
  using scope = new MemoryScope();
  const { sequences, ...inputs } = float32Operands(backend, scope, operands);
  const patterned = sequences.map((sequence, index) => {
    const mask = sequence.routing.type === "patterns" ? sequence.routing.mask : undefined;
    return { ...sequence, routing: knownPatterns(shape.patterns[index]!, mask) };
  });
  const { output, logSumExp } = forward(backend, scope, { ...inputs, sequences: patterned });
  return { output: output.toFloat32(), logSumExp: logSumExp.toFloat32() };
}

/** Float64 on the host; long sequences by the backend's float32 kernels, unless scores are too large for these. */
function oracle(backend: Backend, shape: GridCase, operands: GridOperands): HostSide {
  const exact = 2 * productsOf(shape) <= mostExactProducts || shape.magnitude > 1;
  return exact ? inFloat64(shape, operands) : inFloat32(backend, shape, operands);
}

/** At most twice the error of the right result in the case's type, or one rounding of P where that is more. */
function expectSide(actual: Side, expected: HostSide, dtype: GridCase["dtype"]): void {
  const round = dtype === "bf16" ? (value: number) => fromBFloat16(toBFloat16(value)) : (value: number) => fromFloat16(toFloat16(value));
  const [output, logSumExp] = [actual.output.toFloat32(), actual.logSumExp.toFloat32()];
  let [largest, rounding, squares, total] = [0, 0, 0, 0];
  for (let i = 0; i < output.length; i++) {
    const right = expected.output[i]!;
    const error = Math.abs(output[i]! - right);
    if (!(error <= largest)) largest = Number.isNaN(error) ? Infinity : error;
    rounding = Math.max(rounding, Math.abs(round(right) - right));
    squares += error * error;
    total += right * right;
  }
  expect(largest, "the largest error of the output").toBeLessThanOrEqual(Math.max(2 * rounding, dtype === "bf16" ? 4e-3 : 1e-3));
  expect(squares / Math.max(total, 1e-30), "the output's mean square error over its mean square").toBeLessThanOrEqual(5e-4);
  let worst = 0;
  for (let i = 0; i < logSumExp.length; i++) {
    const right = expected.logSumExp[i]!;
    if (right === Infinity && logSumExp[i] === Infinity) continue;
    const error = Math.abs(logSumExp[i]! - right) / (1 + Math.abs(right));
    if (!(error <= worst)) worst = Number.isNaN(error) ? Infinity : error;
  }
  expect(worst, "the error of the log-sum-exp").toBeLessThanOrEqual(1e-4);
}

/** Hybrid and dual attention over a grid of shapes, patterns and types, against float64 or the backend's float32 kernels. */
export function describeForwardGrid(subject: BackendUnderTest, size: GridSize): void {
  describe(`attention of ${subject.name} over the grid`, () => {
    for (const shape of forwardCases(size)) {
      test(`${shape.dual ? "dual, " : ""}${titleOf(shape)}: at most twice the error of rounding, and the same bits again`, () => {
        expectCase(subject, shape);
      });
    }

    test.each([64, 96, 128].filter((headDim) => size.headDims.includes(headDim)))("the float32 oracle is float64's to its last bits at head_dim %i", (headDim) => {
      using backend = subject.create();
      using scope = new MemoryScope();
      const patterns = [[full, streaming(1, 2), selected, streaming(2, 1)], [selected, full, streaming(1, 1, 256), streaming(0, 1)]];
      const shape: GridCase = { name: "", headDim, group: 2, lengths: [[390, 390], [129, 400]], patterns, dtype: size.dtypes[0]!, magnitude: 1 };
      const operands = gridOperands(backend, scope, shape);
      const [exact, actual] = [inFloat64(shape, operands), inFloat32(backend, shape, operands)];
      // A hundredth of the least tolerance of the grid.
      expect(relativeError(actual.output as Float32Array, Float32Array.from(exact.output))).toBeLessThan(1e-5);
      expect(relativeError(actual.logSumExp as Float32Array, Float32Array.from(exact.logSumExp))).toBeLessThan(1e-5);
    });
  });
}

function expectCase(subject: BackendUnderTest, shape: ForwardCase): void {
  using backend = subject.create();
  {
    using scope = new MemoryScope();
    const operands = gridOperands(backend, scope, shape);
    const [sides, again] = [run(backend, scope, operands, shape.dual), run(backend, scope, operands, shape.dual)];
    const shapes = shape.dual ? [allFull(shape), shape] : [shape];
    for (const [index, side] of sides.entries()) {
      expect(sameBits(side.output.download(), again[index]!.output.download()), "the same bits again").toBe(true);
      expectSide(side, oracle(backend, shapes[index]!, operands), shape.dtype);
    }
  }
  expect(backend.memory().liveAllocations).toBe(0);
}
