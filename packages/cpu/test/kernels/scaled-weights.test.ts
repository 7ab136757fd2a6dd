import { relativeError, tolerances, uploadFloats } from "@elastic-attention/conformance";
import { MemoryScope } from "@elastic-attention/core";
import { type Backend, linear, packBlocks, ReferenceBackend, type ScaledFormat, type ScaledMatrix } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { createCpuBackend } from "../../src/index.js";
import { blockSubjects } from "../instruction-set-levels.js";

interface ScaledCase {
  readonly rows: number;
  readonly columns: number;
  readonly weights: readonly (readonly [format: ScaledFormat, rows: number, blockRows: number, blockColumns: number])[];
}

const cases: readonly ScaledCase[] = [
  { rows: 1, columns: 256, weights: [["I4", 40, 1, 128]] },
  { rows: 5, columns: 192, weights: [["I4", 19, 1, 64], ["I4", 3, 1, 64]] },
  { rows: 17, columns: 160, weights: [["I4", 33, 1, 32], ["I8", 21, 1, 160]] },
  { rows: 2, columns: 96, weights: [["I8", 17, 1, 96]] },
  { rows: 50, columns: 256, weights: [["I8", 40, 16, 256], ["I4", 50, 1, 256]] },
];

/** Numbers between -1 and 1. */
function randomNumbers(seed: number): () => number {
  let state = seed * 2654435761 + 12345;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 31 - 1;
}

/** Scales and zero points whose products are halves: then blocks hold what the matrix does. */
function matrixOf([format, rows, blockRows, blockColumns]: ScaledCase["weights"][number], columns: number, seed: number): ScaledMatrix {
  const random = randomNumbers(seed);
  const whole = (most: number) => Math.floor(Math.abs(random()) * most);
  const count = Math.ceil(rows / blockRows) * Math.ceil(columns / blockColumns);
  const bytes = Uint8Array.from({ length: format === "I4" ? (rows * columns) / 2 : rows * columns }, () => whole(256));
  const scales = Float32Array.from({ length: count }, () => (1 + whole(63)) / 1024);
  return { format, rows, columns, bytes, scales, blockRows, blockColumns, ...(format === "I4" ? { zeros: scales.map(() => whole(17)) } : {}) };
}

/** Inputs are whole numbers up to 127, which each block reaches: rounding them to int8 changes nothing. */
function product(backend: Backend, { rows, columns, weights }: ScaledCase): Float32Array {
  using scope = new MemoryScope();
  const random = randomNumbers(3);
  const values = Float32Array.from({ length: rows * columns }, (_, i) => (i % 32 === 7 ? 127 : Math.round(random() * 126)));
  const input = scope.track(uploadFloats(backend, values, [rows, columns], "f32"));
  const weight = scope.track(backend.kernels.run(packBlocks, { weights: weights.map((each, index) => matrixOf(each, columns, 7 + index)) }));
  const output = scope.track(backend.allocate([rows, weight.outFeatures], "f32"));
  backend.kernels.run(linear, { input, weight, output });
  return output.toFloat32();
}

for (const subject of blockSubjects) {
  describe(`int4 and int8 under scales on ${subject.name}`, () => {
    test.each(cases)("$rows rows, $columns columns, weights $weights", (each) => {
      using backend = subject.create();
      expect(relativeError(product(backend, each), product(new ReferenceBackend(), each))).toBeLessThan(subject.name.endsWith("amx") ? tolerances.bf16 : tolerances.f32);
      expect(backend.memory().liveAllocations).toBe(0);
    });
  });
}

test("weights under scales take the bytes that were predicted, and what has no blocks is refused by name", () => {
  using backend = createCpuBackend();
  const matrix = matrixOf(["I4", 40, 1, 64], 192, 1);
  const packed = backend.kernels.run(packBlocks, { weights: [matrix] });
  expect(packed.storage.byteLength).toBe(backend.blockWeights.packedBytes([{ ...matrix }], 192));
  packed.dispose();
  const refused = (changed: Partial<ScaledMatrix>, words: RegExp) => expect(() => backend.kernels.run(packBlocks, { weights: [{ ...matrix, ...changed }] })).toThrow(words);
  refused({ blockColumns: 48 }, /groups of 48 inputs: the kernel takes multiples of 32/);
  refused({ scales: matrix.scales.map((scale, i) => (i === 3 ? 70000 : scale)) }, /scale of 70000/);
  refused({ scales: matrix.scales.map((scale, i) => (i === 3 ? Infinity : scale)) }, /not finite/);
  expect(backend.memory().liveAllocations).toBe(0);
});
