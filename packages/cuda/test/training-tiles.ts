import { MemoryScope } from "@elastic-attention/core";
import { attentionBackward, type BlockPattern, dualAttention, fullPatterns, hybridAttention } from "@elastic-attention/attention";
import { describe, expect, test } from "vitest";
import { type BackendUnderTest, poisoned, relativeError, sameBits, testGradients, type TrainingCase, trainingOperands } from "@elastic-attention/conformance";

const full: BlockPattern = { type: "full" };
const streaming: BlockPattern = { type: "streaming", sinkBlocks: 1, localBlocks: 2, blockSize: 128 };
const selected: BlockPattern = { type: "selected", blockSize: 128 };

/** Blocks of 128, so that the Hopper kernels serve; the third has query tiles in several parts. */
const shapes: readonly TrainingCase[] = [
  { lengths: [[1, 1], [129, 129], [65, 300]], patterns: [full, streaming, selected], group: 2, headDim: 128 },
  { lengths: [[640, 640]], patterns: [streaming, full], group: 1, headDim: 96 },
  { lengths: [[1200, 1300]], patterns: [selected], group: 16, headDim: 64 },
];
/** More sequences than one launch of the backward takes. */
const many: TrainingCase = {
  lengths: Array.from({ length: 50 }, (_, index) => [1 + index, 1 + index]),
  patterns: [streaming, full],
  group: 1,
  headDim: 64,
};

/** The training kernels of the Hopper family, through the whole backend. */
export function describeTrainingTiles(subject: BackendUnderTest): void {
  describe("gradients in tiles of 128 keys", () => {
    testGradients(subject, [...shapes, many], ["bf16", "f16"]);

    test("the order of sums does not matter much, and not at all where it is asked for", () => {
      using backend = subject.create();
      using scope = new MemoryScope();
      const operands = trainingOperands(backend, scope, shapes[2]!, "bf16", "f32");
      const run = (deterministic: boolean): Float32Array => {
        backend.kernels.run(attentionBackward, { ...operands, deterministic });
        return operands.queryGradient.toFloat32();
      };
      const [first, second, any] = [run(true), run(true), run(false)];
      expect(sameBits(first, second)).toBe(true);
      expect(relativeError(any, first)).toBeLessThan(1e-5);
    });
  });

  describe("both sides of attention in one pass", () => {
    test.each(shapes)("head_dim $headDim, group $group, lengths $lengths: as two hybrid calls", (shape) => {
      using backend = subject.create();
      for (const dtype of ["bf16", "f16"] as const) {
        using scope = new MemoryScope();
        const { query, output, logSumExp, sequences, scale } = trainingOperands(backend, scope, shape, dtype);
        const [fullOutput, sparseOutput, alone] = [0, 1, 2].map(() => scope.track(poisoned(backend, query.shape, dtype)));
        const [fullLogSumExp, sparseLogSumExp] = [0, 1].map(() => scope.track(poisoned(backend, logSumExp.shape, "f32")));
        backend.kernels.run(dualAttention, {
          query, fullOutput: fullOutput!, sparseOutput: sparseOutput!, fullLogSumExp: fullLogSumExp!, sparseLogSumExp: sparseLogSumExp!, sequences, scale,
        });
        const retrieval = sequences.map((sequence) => ({ ...sequence, routing: fullPatterns(sequence.cache.numKeyValueHeads) }));
        backend.kernels.run(hybridAttention, { query, output: alone!, sequences: retrieval, scale });
        // Tiles come in another order: one rounding of the weights and one of the result.
        const tolerance = dtype === "bf16" ? 2 ** -7 : 2 ** -10;
        expect(relativeError(fullOutput!.toFloat32(), alone!.toFloat32())).toBeLessThan(tolerance);
        expect(relativeError(sparseOutput!.toFloat32(), output.toFloat32())).toBeLessThan(tolerance);
        expect(relativeError(sparseLogSumExp!.toFloat32(), logSumExp.toFloat32())).toBeLessThan(1e-5);
      }
    });
  });
}
