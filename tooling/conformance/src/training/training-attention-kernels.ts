import { MemoryScope } from "@elastic-attention/core";
import { attentionBackward, attentionScoresOf, type BlockPattern, dualAttention, fullPatterns, hybridAttention, knownPatterns } from "@elastic-attention/attention";
import { type Backend, type FloatDType, ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { expectAgreement, sameBits } from "../agreement.js";
import type { BackendUnderTest } from "../backend-under-test.js";
import { type HostGradients, naiveAttentionBackward } from "./naive-attention-backward.js";
import { poisoned } from "../random-tensors.js";
import { type TrainingCase, type TrainingOperands, trainingOperands } from "./training-case.js";

const full: BlockPattern = { type: "full" };
const streaming: BlockPattern = { type: "streaming", sinkBlocks: 1, localBlocks: 2, blockSize: 16 };
const wide: BlockPattern = { type: "streaming", sinkBlocks: 1, localBlocks: 1, blockSize: 128 };
const sliding = (windowTokens: number): BlockPattern => ({ type: "sliding", windowTokens });
const selected: BlockPattern = { type: "selected", blockSize: 32 };

const cases: readonly TrainingCase[] = [
  { lengths: [[1, 1]], patterns: [full, streaming], group: 1, headDim: 64 },
  { lengths: [[1, 147]], patterns: [full, selected], group: 4, headDim: 64 },
  { lengths: [[113, 203], [1, 1], [40, 40]], patterns: [full, streaming, selected], group: 2, headDim: 32 },
  { lengths: [[300, 300]], patterns: [wide, full], group: 1, headDim: 128 },
  { lengths: [[129, 129], [70, 90]], patterns: [selected, wide], group: 3, headDim: 96 },
  { lengths: [[65, 128]], patterns: [streaming], group: 8, headDim: 64, scale: 30 },
  { lengths: [[47, 50]], patterns: [full, selected], group: 5, headDim: 40 },
  { lengths: [[113, 203], [1, 1], [40, 40]], patterns: [full, sliding(37), wide], group: 2, headDim: 64, softCap: 0.5 },
  { lengths: [[300, 300], [5, 200]], patterns: [sliding(1), sliding(100), sliding(129)], group: 1, headDim: 64 },
  { lengths: [[129, 129], [70, 90]], patterns: [sliding(64), full], group: 3, headDim: 96, sinkLogits: [-3, 1, 5, -Infinity], softCap: 20, scale: 20 },
  { lengths: [[70, 90]], patterns: [sliding(33), full], group: 2, headDim: 80, sinkLogits: [0, 2, -1], softCap: 2 },
  { lengths: [[65, 65]], patterns: [sliding(33), full], group: 2, headDim: 256, softCap: 5, scale: 4 },
];
/** More keys than one task holds at a time, in few heads. */
const long: TrainingCase = { lengths: [[700, 1100]], patterns: [full], group: 1, headDim: 32 };

/** Gradients of a case, in the dtype that is asked for. */
function gradients(backend: Backend, shape: TrainingCase, dtype: FloatDType, gradientDType: FloatDType = dtype): HostGradients {
  using scope = new MemoryScope();
  const operands = trainingOperands(backend, scope, shape, dtype, gradientDType);
  backend.kernels.run(attentionBackward, { ...operands, deterministic: true });
  return host(operands);
}

function host({ queryGradient, cacheGradients }: TrainingOperands): HostGradients {
  return [queryGradient, ...cacheGradients.flatMap(({ keys, values }) => [keys, values])].map((tensor) => tensor.toFloat32());
}

/** What is right, and what a naive kernel makes of it; the same for every backend under test. */
const oracles = new Map<string, { readonly right: HostGradients; readonly naive: HostGradients }>();

function oracle(shape: TrainingCase, dtype: FloatDType) {
  const key = `${JSON.stringify(shape)} ${String(shape.sinkLogits)} ${dtype}`;
  const known = oracles.get(key);
  if (known !== undefined) return known;
  const reference = new ReferenceBackend();
  using scope = new MemoryScope();
  const operands = trainingOperands(reference, scope, shape, dtype);
  const made = { right: gradients(reference, shape, dtype, "f32"), naive: naiveAttentionBackward(operands, dtype) };
  oracles.set(key, made);
  return made;
}

interface Errors {
  readonly largest: number;
  /** Mean square error over mean square. */
  readonly square: number;
  readonly magnitude: number;
}

/** Infinite where one of them is NaN and the other is not. */
function errorsOf(actual: Float32Array, expected: Float32Array): Errors {
  let [largest, squares, total, magnitude] = [0, 0, 0, 0];
  for (const [i, right] of expected.entries()) {
    if (Number.isNaN(right) && Number.isNaN(actual[i])) continue;
    const difference = Math.abs(actual[i]! - right);
    largest = Number.isNaN(difference) ? Infinity : Math.max(largest, difference);
    squares += difference ** 2;
    total += right ** 2;
    magnitude = Math.max(magnitude, Math.abs(right));
  }
  return { largest, square: squares / Math.max(total, 1e-30), magnitude };
}

function expectGradients(actual: HostGradients, shape: TrainingCase, dtype: FloatDType): void {
  const { right, naive } = oracle(shape, dtype);
  // A fast exponential is off by two units in the last place, which shows where a naive kernel's terms happen to cancel.
  const leeway = 2e-6 * Math.max(...right.map((expected) => errorsOf(expected, expected).magnitude));
  for (const [index, expected] of right.entries()) {
    const [ours, theirs] = [errorsOf(actual[index]!, expected), errorsOf(naive[index]!, expected)];
    expect(ours.largest, `gradient ${index}, where a naive kernel is off by ${theirs.largest}`).toBeLessThanOrEqual(3 * theirs.largest + leeway);
    if (ours.magnitude > leeway) expect(ours.square, `gradient ${index}`).toBeLessThanOrEqual(5e-4);
  }
}

/** Attention's gradients, and both sides in one call, against the reference backend. */
export function describeTrainingAttentionKernels(subject: BackendUnderTest): void {
  describeAttentionBackward(subject);
  describeDualAttention(subject);
}

/** Gradients of cases, in every dtype of the subject unless others are given, against those of a naive kernel. */
export function testGradients(subject: BackendUnderTest, shapes: readonly TrainingCase[], dtypes = subject.dtypes): void {
  test.each(shapes)("head_dim $headDim, group $group, lengths $lengths: at most 3 times a naive kernel's error", (shape) => {
    using backend = subject.create();
    for (const dtype of dtypes) {
      expectGradients(gradients(backend, shape, dtype), shape, dtype);
      expect(backend.memory().liveAllocations).toBe(0);
    }
  });
}

export function describeAttentionBackward(subject: BackendUnderTest): void {
  describe(`attention's backward of ${subject.name}`, () => {
    testGradients(subject, cases);

    test("more keys than a task holds, and repeated runs give the same bits", () => {
      using backend = subject.create();
      for (const dtype of subject.dtypes) {
        const first = gradients(backend, long, dtype);
        expectGradients(first, long, dtype);
        const again = gradients(backend, long, dtype);
        expect(first.every((values, index) => sameBits(values, again[index]!))).toBe(true);
      }
    });

    test("adds to what the gradients hold, where it is asked to", () => {
      for (const dtype of subject.dtypes) {
        const twice = (backend: Backend): HostGradients => {
          using scope = new MemoryScope();
          const operands = trainingOperands(backend, scope, cases[2]!, dtype, "f32");
          backend.kernels.run(attentionBackward, { ...operands, deterministic: true });
          backend.kernels.run(attentionBackward, { ...operands, accumulate: true, deterministic: true });
          return host(operands);
        };
        using backend = subject.create();
        const once = gradients(backend, cases[2]!, dtype, "f32");
        for (const [index, actual] of twice(backend).entries()) {
          const { largest, magnitude } = errorsOf(actual, once[index]!.map((value) => 2 * value));
          expect(largest).toBeLessThanOrEqual(1e-6 * magnitude);
        }
      }
    });
  });
}

export function describeDualAttention(subject: BackendUnderTest): void {
  describe(`dual attention of ${subject.name}`, () => {
    test.each([...cases, long])("%#: head_dim $headDim, group $group, lengths $lengths: both sides as two calls", (shape) => {
      for (const dtype of subject.dtypes) {
        // Weights and results are rounded once each.
        expectAgreement(subject, dtype === "f32" ? 2e-5 : 2 ** -7, (backend, scope) => {
          const { query, sequences, logSumExp, ...operands } = trainingOperands(backend, scope, shape, dtype);
          const outputs = [0, 1].map(() => scope.track(poisoned(backend, query.shape, dtype)));
          const sums = [0, 1].map(() => scope.track(poisoned(backend, logSumExp.shape, "f32")));
          const [fullOutput, sparseOutput, fullLogSumExp, sparseLogSumExp] = [outputs[0]!, outputs[1]!, sums[0]!, sums[1]!];
          backend.kernels.run(dualAttention, { query, fullOutput, sparseOutput, fullLogSumExp, sparseLogSumExp, sequences, ...attentionScoresOf(operands) });
          return [fullOutput, sparseOutput, fullLogSumExp, sparseLogSumExp];
        });
      }
    });

    test("a retrieval side of its own, and outputs in float32", () => {
      for (const dtype of subject.dtypes) {
        expectAgreement(subject, dtype === "f32" ? 2e-5 : 2 ** -7, (backend, scope) => {
          const shape: TrainingCase = { lengths: [[140, 140], [33, 50]], patterns: [selected, selected], group: 2, headDim: 64 };
          const { query, scale, logSumExp, sequences } = trainingOperands(backend, scope, shape, dtype);
          const dual = sequences.map((sequence) => ({ ...sequence, routing: knownPatterns([streaming, wide]), retrieval: sequence.routing }));
          const outputs = [0, 1].map(() => scope.track(poisoned(backend, query.shape, "f32")));
          const sums = [0, 1].map(() => scope.track(poisoned(backend, logSumExp.shape, "f32")));
          const [fullOutput, sparseOutput, fullLogSumExp, sparseLogSumExp] = [outputs[0]!, outputs[1]!, sums[0]!, sums[1]!];
          backend.kernels.run(dualAttention, { query, fullOutput, sparseOutput, fullLogSumExp, sparseLogSumExp, sequences: dual, scale });
          return [fullOutput, sparseOutput, fullLogSumExp, sparseLogSumExp];
        });
      }
    });

    test("equals two hybrid calls, bit for bit, where the kernel is the same", () => {
      if (!subject.dualEqualsHybrid) return;
      using backend = subject.create();
      for (const dtype of subject.dtypes) {
        using scope = new MemoryScope();
        const { query, output, sequences, scale, logSumExp } = trainingOperands(backend, scope, cases[2]!, dtype);
        const outputs = [0, 1, 2].map(() => scope.track(poisoned(backend, query.shape, dtype)));
        const sums = [0, 1].map(() => scope.track(poisoned(backend, logSumExp.shape, "f32")));
        const [fullOutput, sparseOutput, alone] = [outputs[0]!, outputs[1]!, outputs[2]!];
        backend.kernels.run(dualAttention, { query, fullOutput, sparseOutput, fullLogSumExp: sums[0]!, sparseLogSumExp: sums[1]!, sequences, scale });
        const retrieval = sequences.map((sequence) => ({ ...sequence, routing: fullPatterns(sequence.cache.numKeyValueHeads) }));
        backend.kernels.run(hybridAttention, { query, output: alone, sequences: retrieval, scale });
        expect(sameBits(fullOutput.download(), alone.download())).toBe(true);
        expect(sameBits(sparseOutput.download(), output.download())).toBe(true);
      }
    });
  });
}
