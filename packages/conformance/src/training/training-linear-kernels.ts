import { MemoryScope } from "@elastic-attention/core";
import { type Backend, linearInputGradient, packLinear, ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import type { BackendUnderTest } from "../backend-under-test.js";
import { poisoned, randomTensor, relativeError, gradientTolerances } from "../random-tensors.js";

interface GradientShape {
  readonly rows: number;
  readonly inputs: number;
  readonly outputs: readonly number[];
}

const cases: readonly GradientShape[] = [
  { rows: 1, inputs: 1, outputs: [1] },
  { rows: 1, inputs: 64, outputs: [32] },
  { rows: 3, inputs: 33, outputs: [31, 2] },
  { rows: 12, inputs: 96, outputs: [64] },
  { rows: 31, inputs: 129, outputs: [40, 500] },
  { rows: 101, inputs: 65, outputs: [1057] },
  { rows: 400, inputs: 100, outputs: [64] },
];

/** outputGradient · weight + what the gradient held, on one backend. */
function gradient(backend: Backend, { rows, inputs, outputs }: GradientShape, dtype: "f32" | "bf16", given: "f32" | "bf16"): Float32Array {
  using scope = new MemoryScope();
  const weights = outputs.map((count, index) => scope.track(randomTensor(backend, [count, inputs], dtype, 10 + index)));
  const weight = scope.track(backend.kernels.run(packLinear, { weights, dtype }));
  const total = outputs.reduce((sum, count) => sum + count, 0);
  // Rows with gaps on both sides.
  const outputGradient = scope.track(randomTensor(backend, [rows, total + 3], given, 20)).columns(1, total + 1);
  const wide = scope.track(poisoned(backend, [rows, inputs + 5], "f32"));
  const inputGradient = wide.columns(2, inputs + 2);
  backend.kernels.run(linearInputGradient, { outputGradient, weight, inputGradient });
  backend.kernels.run(linearInputGradient, { outputGradient, weight, inputGradient, accumulate: true });
  // The neighbours of the gradient are still poisoned.
  const untouched = [...wide.columns(0, 2).toFloat32(), ...wide.columns(inputs + 2, inputs + 5).toFloat32()];
  expect(untouched.every(Number.isNaN)).toBe(true);
  return inputGradient.toFloat32();
}

/** Gradients of products by their input, of every odd shape, against the reference backend. */
export function describeTrainingLinearKernels(subject: BackendUnderTest): void {
  describe(`the input gradient of linear of ${subject.name}`, () => {
    test.each(cases)("$rows rows, $inputs inputs, outputs $outputs", (shape) => {
      using backend = subject.create();
      const reference = new ReferenceBackend();
      expect(relativeError(gradient(backend, shape, "f32", "f32"), gradient(reference, shape, "f32", "f32"))).toBeLessThan(gradientTolerances.f32);
      expect(relativeError(gradient(backend, shape, "bf16", "bf16"), gradient(reference, shape, "bf16", "bf16"))).toBeLessThan(gradientTolerances.f32);
      // Gradients in float32 are rounded to the weight's type first.
      expect(relativeError(gradient(backend, shape, "bf16", "f32"), gradient(reference, shape, "bf16", "f32"))).toBeLessThan(gradientTolerances.bf16);
      expect(backend.memory().liveAllocations).toBe(0);
    });

    test("16-bit results, added to a stream", () => {
      for (const dtype of subject.dtypes) {
        const results = [subject.create(), new ReferenceBackend()].map((backend) => {
          using scope = new MemoryScope();
          const matrix = scope.track(randomTensor(backend, [70, 96], dtype, 1));
          const weight = scope.track(backend.kernels.run(packLinear, { weights: [matrix], dtype }));
          const outputGradient = scope.track(randomTensor(backend, [45, 70], dtype, 2));
          const inputGradient = scope.track(randomTensor(backend, [45, 96], dtype, 3, 4));
          backend.kernels.run(linearInputGradient, { outputGradient, weight, inputGradient, accumulate: true });
          return inputGradient.toFloat32();
        });
        expect(relativeError(results[0]!, results[1]!)).toBeLessThanOrEqual(gradientTolerances[dtype]);
      }
    });
  });
}
