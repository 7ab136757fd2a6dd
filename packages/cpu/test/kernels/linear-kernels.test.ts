import { UnsupportedOperationError } from "@elastic-attention/core";
import { packLinear } from "@elastic-attention/tensor";
import { expect, test } from "vitest";
import { describeLinearKernels, product, randomTensor } from "@elastic-attention/conformance";
import { createCpuBackend } from "../../src/index.js";
import { levels, subjects } from "../instruction-set-levels.js";

for (const subject of subjects) describeLinearKernels(subject);

test.each(levels)("the same rows give the same numbers on one thread and on three at level %s", (level) => {
  const shape = { rows: 77, inputs: 320, outputs: [96] };
  const results = [1, 3].map((threads) => product(createCpuBackend({ instructionSet: level, threads }), shape, "bf16", "bf16"));
  expect(results[0]).toEqual(results[1]);
});

test("weights are packed as f32 or bf16 only, from any float type", () => {
  using backend = createCpuBackend();
  using half = randomTensor(backend, [3, 5], "f16", 1);
  using packed = backend.kernels.run(packLinear, { weights: [half], dtype: "f32" });
  expect(packed.byteLength).toBe(5 * 32 * 4);
  expect(() => backend.kernels.run(packLinear, { weights: [half], dtype: "f16" })).toThrow(UnsupportedOperationError);
});
