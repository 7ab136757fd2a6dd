import { MemoryScope } from "@elastic-attention/core";
import { type Backend, linear, packBlocks, ReferenceBackend, type ScaledFormat, type ScaledMatrix } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import type { BackendUnderTest } from "../../backend-under-test.js";
import { poisoned, randomTensor, relativeError, relativeLength, tolerances } from "../../random-tensors.js";

interface ScaledCase {
  readonly rows: number;
  readonly columns: number;
  /** Format, rows, and what one scale is of. */
  readonly weights: readonly (readonly [format: ScaledFormat, rows: number, blockRows: number, blockColumns: number])[];
}

const cases: readonly ScaledCase[] = [
  { rows: 1, columns: 256, weights: [["F8_E4M3", 48, 1, 256]] },
  { rows: 3, columns: 300, weights: [["F8_E4M3", 130, 128, 128]] },
  { rows: 20, columns: 384, weights: [["F8_E4M3", 31, 1, 384], ["F8_E4M3", 5, 1, 384]] },
  { rows: 2, columns: 130, weights: [["I8", 17, 1, 130]] },
  { rows: 9, columns: 256, weights: [["I8", 33, 16, 256]] },
  { rows: 1, columns: 256, weights: [["I4", 40, 1, 128]] },
  { rows: 5, columns: 192, weights: [["I4", 19, 1, 64], ["I4", 3, 1, 64]] },
  { rows: 17, columns: 160, weights: [["I4", 16, 1, 32], ["F8_E4M3", 21, 1, 160]] },
  { rows: 33, columns: 384, weights: [["I4", 50, 1, 384]] },
  { rows: 70, columns: 256, weights: [["I4", 50, 1, 128], ["I8", 40, 1, 256]] },
  { rows: 66, columns: 256, weights: [["F8_E4M3", 140, 128, 128]] },
];

function randomMatrix([format, rows, blockRows, blockColumns]: ScaledCase["weights"][number], columns: number, seed: number): ScaledMatrix {
  let state = seed * 2654435761 + 12345;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const bytes = new Uint8Array(format === "I4" ? (rows * columns) / 2 : rows * columns);
  for (let i = 0; i < bytes.length; i++) {
    const byte = Math.floor(next() * 256);
    // Two patterns of e4m3 are no numbers.
    bytes[i] = format === "F8_E4M3" && (byte & 0x7f) === 0x7f ? byte ^ 1 : byte;
  }
  const count = Math.ceil(rows / blockRows) * Math.ceil(columns / blockColumns);
  const scales = Float32Array.from({ length: count }, () => (next() - 0.5) * 0.02);
  const zeros = format === "I4" ? { zeros: Float32Array.from({ length: count }, () => Math.floor(next() * 17)) } : {};
  return { format, rows, columns, bytes, scales, blockRows, blockColumns, ...zeros };
}

function scaledProduct(backend: Backend, { rows, columns, weights }: ScaledCase): Float32Array {
  using scope = new MemoryScope();
  const matrices = weights.map((each, index) => randomMatrix(each, columns, 7 + index));
  const weight = scope.track(backend.kernels.run(packBlocks, { weights: matrices }));
  const outputs = weights.reduce((sum, [, count]) => sum + count, 0);
  const input = scope.track(randomTensor(backend, [rows, columns], "bf16", 50));
  const bias = scope.track(randomTensor(backend, [outputs], "f32", 60));
  const output = scope.track(poisoned(backend, [rows, outputs], "f32"));
  backend.kernels.run(linear, { input, weight, bias, output });
  backend.kernels.run(linear, { input, weight, output, accumulate: true });
  return output.toFloat32();
}

/**
 * Products with matrices whose scales lie beside their numbers, against what they stand for.
 *
 * @param widenedError of products of more than 64 rows, whose weights are rounded to 16 bits
 */
export function describeScaledKernels(subject: BackendUnderTest, widenedError: number): void {
  describe(`weights under scales on ${subject.name}`, () => {
    test.each(cases)("$rows rows, $columns columns, weights $weights", (each) => {
      using backend = subject.create();
      const error = relativeError(scaledProduct(backend, each), scaledProduct(new ReferenceBackend(), each));
      expect(error).toBeLessThan(each.rows > 64 ? widenedError : tolerances.f32);
      expect(backend.memory().liveAllocations).toBe(0);
    });

    test.each<ScaledCase>([
      { rows: 68, columns: 512, weights: [["F8_E4M3", 144, 128, 128]] },
      { rows: 300, columns: 1024, weights: [["F8_E4M3", 256, 128, 128], ["F8_E4M3", 128, 128, 128]] },
      { rows: 131, columns: 512, weights: [["F8_E4M3", 64, 1, 512]] },
    ])("$rows rows by fp8 $weights differ by no more than rounding activations to e4m3 explains", (each) => {
      using backend = subject.create();
      expect(relativeLength(scaledProduct(backend, each), scaledProduct(new ReferenceBackend(), each))).toBeLessThan(0.04);
    });

    test("a scale that is none, and bytes that are no numbers, are refused", () => {
      using backend = subject.create();
      const matrix = randomMatrix(["F8_E4M3", 16, 1, 64], 64, 1);
      const refused = (changed: Partial<ScaledMatrix>) => expect(() => backend.kernels.run(packBlocks, { weights: [{ ...matrix, ...changed }] })).toThrow(/not finite/);
      refused({ scales: matrix.scales.map((scale, i) => (i === 3 ? Infinity : scale)) });
      refused({ bytes: matrix.bytes.map((byte, i) => (i === 100 ? 0xff : byte)) });
      expect(backend.memory().liveAllocations).toBe(0);
    });
  });
}
