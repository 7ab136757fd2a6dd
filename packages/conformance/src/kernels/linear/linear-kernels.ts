import { MemoryScope } from "@elastic-attention/core";
import { type Backend, linear, packLinear, ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import type { BackendUnderTest } from "../../backend-under-test.js";
import { poisoned, randomTensor, relativeError, tolerances } from "../../random-tensors.js";

export interface ProductShape {
  readonly rows: number;
  readonly inputs: number;
  readonly outputs: readonly number[];
}

const cases: readonly ProductShape[] = [
  { rows: 1, inputs: 1, outputs: [1] },
  { rows: 1, inputs: 64, outputs: [32] },
  { rows: 2, inputs: 33, outputs: [31, 2] },
  { rows: 5, inputs: 100, outputs: [7, 40, 33] },
  { rows: 12, inputs: 96, outputs: [64] },
  { rows: 31, inputs: 544, outputs: [129] },
  { rows: 101, inputs: 1057, outputs: [65] },
  { rows: 400, inputs: 64, outputs: [100] },
];

/** inputs · weightsᵀ + bias + what the output held, on one backend. */
export function product(backend: Backend, { rows, inputs, outputs }: ProductShape, dtype: "f32" | "bf16", inputDType: "f32" | "bf16"): Float32Array {
  using scope = new MemoryScope();
  const weights = outputs.map((count, index) => scope.track(randomTensor(backend, [count, inputs], dtype, 10 + index)));
  const weight = scope.track(backend.kernels.run(packLinear, { weights, dtype }));
  const total = outputs.reduce((sum, count) => sum + count, 0);
  // Rows with gaps on both sides.
  const input = scope.track(randomTensor(backend, [rows, inputs + 3], inputDType, 20)).columns(1, inputs + 1);
  const bias = scope.track(randomTensor(backend, [total], "f32", 30));
  const wide = scope.track(poisoned(backend, [rows, total + 5], "f32"));
  const output = wide.columns(2, total + 2);
  backend.kernels.run(linear, { input, weight, bias, output });
  backend.kernels.run(linear, { input, weight, output, accumulate: true });
  // The neighbours of the output are still poisoned.
  const untouched = [...wide.columns(0, 2).toFloat32(), ...wide.columns(total + 2, total + 5).toFloat32()];
  expect(untouched.every(Number.isNaN)).toBe(true);
  return output.toFloat32();
}

/** Products of every odd shape against the reference backend. */
export function describeLinearKernels(subject: BackendUnderTest): void {
  describe(`linear of ${subject.name}`, () => {
    test.each(cases)("$rows rows, $inputs inputs, outputs $outputs", (shape) => {
      using backend = subject.create();
      const reference = new ReferenceBackend();
      expect(relativeError(product(backend, shape, "f32", "f32"), product(reference, shape, "f32", "f32"))).toBeLessThan(tolerances.f32);
      expect(relativeError(product(backend, shape, "bf16", "bf16"), product(reference, shape, "bf16", "bf16"))).toBeLessThan(tolerances.f32);
      // Inputs in float32 are rounded to the weight's type first.
      expect(relativeError(product(backend, shape, "bf16", "f32"), product(reference, shape, "bf16", "f32"))).toBeLessThan(tolerances.bf16);
      expect(backend.memory().liveAllocations).toBe(0);
    });
  });
}
