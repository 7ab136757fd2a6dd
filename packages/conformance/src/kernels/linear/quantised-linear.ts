import { MemoryScope } from "@elastic-attention/core";
import { type Backend, linear, quantiseLinear, ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import type { BackendUnderTest } from "../../backend-under-test.js";
import { poisoned, randomTensor, relativeError, relativeLength } from "../../random-tensors.js";

interface QuantisedCase {
  readonly format: string;
  readonly rows: number;
  readonly inputs: number;
  readonly outputs: readonly number[];
}

const cases: readonly QuantisedCase[] = [
  { format: "Q8_0", rows: 1, inputs: 96, outputs: [33] },
  { format: "Q8_0", rows: 21, inputs: 416, outputs: [40, 7] },
  { format: "Q4_K", rows: 3, inputs: 256, outputs: [16] },
  { format: "Q4_K", rows: 70, inputs: 768, outputs: [31, 2, 64] },
  { format: "F8_E4M3", rows: 1, inputs: 64, outputs: [16] },
  { format: "F8_E4M3", rows: 5, inputs: 100, outputs: [7, 20] },
  { format: "F8_E4M3", rows: 17, inputs: 1057, outputs: [65] },
  { format: "F8_E4M3", rows: 64, inputs: 544, outputs: [48] },
];

function product(backend: Backend, { format, rows, inputs, outputs }: QuantisedCase): Float32Array {
  using scope = new MemoryScope();
  const weights = outputs.map((count, index) => scope.track(randomTensor(backend, [count, inputs], "bf16", 40 + index, 0.1)));
  const weight = scope.track(backend.kernels.run(quantiseLinear, { weights, format }));
  const total = outputs.reduce((sum, count) => sum + count, 0);
  // Rows with gaps on both sides.
  const input = scope.track(randomTensor(backend, [rows, inputs + 3], "bf16", 50)).columns(1, inputs + 1);
  const bias = scope.track(randomTensor(backend, [total], "f32", 60));
  const wide = scope.track(poisoned(backend, [rows, total + 5], "f32"));
  const output = wide.columns(2, total + 2);
  backend.kernels.run(linear, { input, weight, bias, output });
  backend.kernels.run(linear, { input, weight, output, accumulate: true });
  expect([...wide.columns(0, 2).toFloat32(), ...wide.columns(total + 2, total + 5).toFloat32()].every(Number.isNaN)).toBe(true);
  return output.toFloat32();
}

/**
 * Floats rounded on the device, and products with them, against the same rounding on the host.
 *
 * @param widenedError of products of more than 64 rows, whose weights are rounded to 16 bits
 */
export function describeQuantisedLinear(subject: BackendUnderTest, widenedError: number): void {
  describe(`weights quantised on ${subject.name}`, () => {
    test.each(cases)("$format: $rows rows, $inputs inputs, outputs $outputs", (each) => {
      using backend = subject.create();
      const error = relativeError(product(backend, each), product(new ReferenceBackend(), each));
      // The host rounds the same float32 numbers by the same rules: a weight is another one only on a tie.
      expect(error).toBeLessThan(each.rows > 64 ? widenedError : 1e-4);
      expect(backend.memory().liveAllocations).toBe(0);
    });

    test.each([
      { rows: 65, inputs: 512, outputs: 48 },
      { rows: 300, inputs: 1040, outputs: 96 },
      { rows: 129, inputs: 100, outputs: 33 },
    ])("fp8: $rows rows by [$outputs, $inputs] differ from float32 by what rounding both operands explains", ({ rows, inputs, outputs }) => {
      const product = (backend: Backend, dtype: "bf16" | "f32") => {
        using scope = new MemoryScope();
        const weight = scope.track(backend.kernels.run(quantiseLinear, { weights: [scope.track(randomTensor(backend, [outputs, inputs], "bf16", 70))], format: "F8_E4M3" }));
        const input = scope.track(randomTensor(backend, [rows, inputs], "bf16", 71));
        const output = scope.track(poisoned(backend, [rows, outputs], dtype));
        backend.kernels.run(linear, { input, weight, output });
        return output.toFloat32();
      };
      using backend = subject.create();
      const expected = product(new ReferenceBackend(), "f32");
      for (const dtype of ["bf16", "f32"] as const) {
        // An element of e4m3 is off by 1/32 on average of what it is at most, a sum of random signs by no more.
        expect(relativeLength(product(backend, dtype), expected)).toBeLessThan(0.04);
      }
    });

    test("what is not a number in a row of many is none in that row alone", () => {
      using backend = subject.create();
      using scope = new MemoryScope();
      const weight = scope.track(backend.kernels.run(quantiseLinear, { weights: [scope.track(randomTensor(backend, [48, 64], "bf16", 80))], format: "F8_E4M3" }));
      const values = Float32Array.from({ length: 100 * 64 }, (_, i) => Math.sin(i));
      values[7 * 64 + 3] = Number.NaN;
      const input = scope.track(backend.upload(values, [100, 64], "f32"));
      const output = scope.track(poisoned(backend, [100, 48], "f32"));
      backend.kernels.run(linear, { input, weight, output });
      const rows = output.toFloat32();
      for (let row = 0; row < 100; row++) expect(rows.subarray(row * 48, (row + 1) * 48).every(row === 7 ? Number.isNaN : Number.isFinite)).toBe(true);
    });
  });
}
