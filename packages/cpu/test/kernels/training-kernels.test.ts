import { MemoryScope } from "@elastic-attention/core";
import { attentionBackward, type BlockPattern, gateGradient } from "@elastic-attention/attention";
import {
  describeTrainingAttentionKernels,
  describeTrainingFloatKernels,
  describeTrainingGateKernels,
  describeTrainingLinearKernels,
  poisoned,
  sameBits,
  testHostileTrainingArguments,
  testTargetsOutside,
  trainingOperands,
} from "@elastic-attention/conformance";
import { expect, test } from "vitest";
import { createCpuBackend, loadAddon } from "../../src/index.js";
import { levels, subjects } from "../instruction-set-levels.js";

for (const subject of subjects) {
  describeTrainingFloatKernels(subject);
  testTargetsOutside(subject);
  describeTrainingLinearKernels(subject);
  describeTrainingGateKernels(subject);
  describeTrainingAttentionKernels(subject);
}

testHostileTrainingArguments(loadAddon(), [
  "linearInputGradient",
  "rmsNormBackward",
  "headNormBackward",
  "layerNormBackward",
  "gatedActivationBackward",
  "activateBackward",
  "scaleBackward",
  "routeExpertsBackward",
  "combineRowsBackward",
  "expertLinearInputGradient",
  "crossEntropy",
  "cacheGather",
  "gateMix",
  "gateGradient",
  "routerLogitsBackward",
  "dualAttention",
  "attentionBackward",
]);

const streaming: BlockPattern = { type: "streaming", sinkBlocks: 1, localBlocks: 2, blockSize: 32 };

test.each(levels)("gradients have the same bits on one thread, two and five at level %s", (level) => {
  const results = [1, 2, 5].map((threads) => {
    using backend = createCpuBackend({ instructionSet: level, threads });
    using scope = new MemoryScope();
    const shape = { lengths: [[600, 700], [30, 30]] as const, patterns: [{ type: "full" } as const, streaming], group: 2, headDim: 32 };
    const operands = trainingOperands(backend, scope, shape, "bf16", "f32");
    backend.kernels.run(attentionBackward, operands);
    const { queryGradient, cacheGradients, query, output, outputGradient } = operands;
    const gates = scope.track(poisoned(backend, [2, 2], "f32"));
    backend.kernels.run(gateGradient, { outputGradient, fullOutput: output, sparseOutput: query, offsets: [0, 600, 630], gateGradient: gates });
    return [gates, queryGradient, ...cacheGradients.flatMap(({ keys, values }) => [keys, values])].map((tensor) => tensor.download());
  });
  for (const other of results.slice(1)) expect(other.every((bytes, index) => sameBits(bytes, results[0]![index]!))).toBe(true);
});
