import { ShapeError } from "@elastic-attention/core";
import { type AttentionMode, type HeadPatterns, hybridAttention, knownPatterns, SequenceCache } from "@elastic-attention/attention";
import { expect, test } from "vitest";
import { describeAttentionKernels, poisoned, randomTensor } from "@elastic-attention/conformance";
import { createCpuBackend } from "../../src/index.js";
import { subjects } from "../instruction-set-levels.js";

for (const subject of subjects) describeAttentionKernels(subject);

const streaming: AttentionMode = { kind: "streaming", sinkTokens: 16, localTokens: 32, blockSize: 16 };

test("a pattern that asks for tokens a ring has dropped is refused", () => {
  using backend = createCpuBackend();
  using cache = new SequenceCache({ backend, numLayers: 1, numKeyValueHeads: 1, headDim: 32, dtype: "f32" });
  using keys = randomTensor(backend, [100, 1, 32], "f32", 1);
  cache.append(0, keys, keys);
  cache.settle(0, [streaming]);
  using query = randomTensor(backend, [1, 1, 32], "f32", 2);
  using output = poisoned(backend, [1, 1, 32], "f32");
  const call = (routing: HeadPatterns) => () =>
    backend.kernels.run(hybridAttention, { query, output, sequences: [{ start: 0, length: 1, cache: cache.layer(0), routing }], scale: 1 });
  expect(call(knownPatterns([{ type: "full" }]))).toThrow(ShapeError);
  expect(call(knownPatterns([{ type: "selected", blockSize: 16 }]))).toThrow(/mask/);
  expect(call(cache.decodePatterns(0))).not.toThrow();
});
