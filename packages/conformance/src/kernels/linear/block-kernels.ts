import { MemoryScope } from "@elastic-attention/core";
import {
  type Backend,
  type BlockMatrix,
  embedBlocks,
  type FloatDType,
  linear,
  packBlocks,
  ReferenceBackend,
  toFloat16,
  unpackBlocks,
  weightByteLength,
  weightFormat,
} from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { sameBits } from "../../agreement.js";
import type { BackendUnderTest } from "../../backend-under-test.js";
import { poisoned, randomTensor, relativeError, tolerances } from "../../random-tensors.js";

/** Where a block has its halves: any bytes stand for some weights, but these must be finite. */
const halves: Record<string, readonly number[]> = {
  Q8_0: [0],
  Q4_0: [0],
  Q4_1: [0, 2],
  Q5_0: [0],
  Q5_1: [0, 2],
  Q4_K: [0, 2],
  Q5_K: [0, 2],
  Q6_K: [208],
  IQ4_NL: [0],
};

/** A matrix of arbitrary bytes under scales of usual size, of either sign. */
function randomBlocks(format: string, rows: number, columns: number, seed: number): BlockMatrix {
  const known = weightFormat(format, "test");
  const bytes = new Uint8Array(weightByteLength(known, rows * columns));
  let state = seed * 2654435761 + 12345;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  for (let i = 0; i < bytes.length; i++) bytes[i] = next() * 256;
  for (let block = 0; block < bytes.length; block += known.blockBytes) {
    for (const at of halves[format]!) {
      const pattern = toFloat16((next() - 0.5) * 0.02);
      bytes[block + at] = pattern & 255;
      bytes[block + at + 1] = pattern >> 8;
    }
  }
  return { format, rows, columns, bytes };
}

/** Inputs that int8 by blocks of 32 holds exactly: whole numbers up to 127, which is in each block. */
function wholeNumbers(rows: number, columns: number): Float32Array {
  return Float32Array.from({ length: rows * columns }, (_, i) => (i % 32 === 5 ? 127 : ((i * 7919) % 255) - 127));
}

interface BlockCase {
  readonly rows: number;
  readonly columns: number;
  /** Format and rows of each matrix that is joined. */
  readonly weights: readonly (readonly [format: string, rows: number])[];
}

const cases: readonly BlockCase[] = [
  ...Object.keys(halves).flatMap((format) => [
    { rows: 1, columns: 512, weights: [[format, 96] as const] },
    { rows: 43, columns: 256, weights: [[format, 45] as const] },
  ]),
  { rows: 3, columns: 256, weights: [["Q4_K", 64], ["Q4_K", 5], ["Q6_K", 40]] },
  { rows: 2, columns: 32, weights: [["Q4_1", 33], ["Q8_0", 7], ["Q5_0", 1]] },
  { rows: 8, columns: 96, weights: [["Q4_0", 31], ["IQ4_NL", 33]] },
  { rows: 9, columns: 96, weights: [["Q5_1", 31], ["Q4_0", 33]] },
];

function blockProduct(backend: Backend, { rows, columns, weights }: BlockCase, values: Float32Array): Float32Array {
  using scope = new MemoryScope();
  const matrices = weights.map(([format, count], index) => randomBlocks(format, count, columns, 100 + index));
  const weight = scope.track(backend.kernels.run(packBlocks, { weights: matrices }));
  const input = scope.track(backend.upload(values, [rows, columns], "f32"));
  const outputs = weights.reduce((sum, [, count]) => sum + count, 0);
  const bias = scope.track(randomTensor(backend, [outputs], "f32", 30));
  const output = scope.track(poisoned(backend, [rows, outputs], "f32"));
  backend.kernels.run(linear, { input, weight, bias, output });
  backend.kernels.run(linear, { input, weight, output, accumulate: true });
  return output.toFloat32();
}

/** Rows of blocks, one of them all zeros, as floats; undefined where the backend has no kernel to unpack them. */
function unpacked(backend: Backend, format: string, dtype: FloatDType): Uint8Array | undefined {
  using scope = new MemoryScope();
  const [rows, columns] = [37, 768];
  const { bytes } = randomBlocks(format, rows, columns, 7);
  bytes.fill(0, 0, bytes.length / rows);
  const blocks = scope.track(backend.upload(bytes, [rows, bytes.length / rows], "u8"));
  const output = scope.track(poisoned(backend, [rows, columns], dtype));
  const call = { blocks, format, output };
  const kernel = backend.kernels.find(unpackBlocks, call);
  kernel?.run(call, backend);
  return kernel === undefined ? undefined : output.download();
}

/**
 * Products with weights in blocks against what their formats stand for.
 * @param widenedError of products of many rows, where weights are widened for them; without it, any number of rows is rounded
 *   to int8, and a row has the same sums alone and among others
 */
export function describeBlockKernels(subject: BackendUnderTest, widenedError?: number): void {
  describe(`weights in blocks on ${subject.name}`, () => {
    test.each(Object.keys(halves))("%s unpacks to the floats that it stands for, bit for bit", (format) => {
      for (const dtype of subject.dtypes) {
        using backend = subject.create();
        const [actual, expected] = [backend, new ReferenceBackend()].map((each) => unpacked(each, format, dtype));
        expect(actual === undefined || sameBits(actual, expected!)).toBe(true);
      }
    });

    test.each(cases)("$rows rows, $columns columns, weights $weights", (each) => {
      using backend = subject.create();
      const exact = wholeNumbers(each.rows, each.columns);
      const expected = blockProduct(new ReferenceBackend(), each, exact);
      expect(relativeError(blockProduct(backend, each, exact), expected)).toBeLessThan(each.rows > 8 ? (widenedError ?? tolerances.f32) : tolerances.f32);
      // Other inputs are rounded to 127 steps of the largest of 32.
      const values = Float32Array.from(exact, (value, i) => Math.sin(i * 12.9898) * (1 + (value & 7)));
      const rounded = relativeError(blockProduct(backend, each, values), blockProduct(new ReferenceBackend(), each, values));
      expect(rounded).toBeLessThan(0.02);
      expect(backend.memory().liveAllocations).toBe(0);
    });

    test.skipIf(widenedError !== undefined).each(Object.keys(halves))("a row by weights in %s has the same bits alone and among others", (format) => {
      using backend = subject.create();
      const weights = [[format, 45], ["Q8_0", 7]] as const;
      const values = Float32Array.from({ length: 61 * 256 }, (_, i) => Math.sin(i * 12.9898) * 3);
      const together = blockProduct(backend, { rows: 61, columns: 256, weights }, values);
      for (const row of [0, 3, 47, 48, 59, 60]) {
        const alone = blockProduct(backend, { rows: 1, columns: 256, weights }, values.slice(row * 256, (row + 1) * 256));
        expect(alone).toEqual(together.slice(row * 52, (row + 1) * 52));
      }
    });

    test.each(Object.keys(halves))("a table in %s gives the rows that its format stands for, one by one", (format) => {
      const rows = (backend: Backend) => {
        using scope = new MemoryScope();
        const table = scope.track(backend.kernels.run(packBlocks, { weights: [randomBlocks(format, 45, 256, 7), randomBlocks("Q8_0", 3, 256, 8)] }));
        const ids = scope.track(backend.upload(Int32Array.of(44, 0, 45, 31, 32, 47), [6], "i32"));
        const output = scope.track(poisoned(backend, [6, 256], "f32"));
        backend.kernels.run(embedBlocks, { ids, table, scale: 3, output });
        const values = output.toFloat32();
        for (const id of [-1, 48]) {
          using outside = backend.upload(Int32Array.of(id), [1], "i32");
          expect(() => backend.kernels.run(embedBlocks, { ids: outside, table, output: output.rows(0, 1) })).toThrow(/outside a vocabulary of 48/);
        }
        return values;
      };
      using backend = subject.create();
      expect(relativeError(rows(backend), rows(new ReferenceBackend()))).toBeLessThan(1e-6);
    });

    test("what is not a number in the input is none in the output, and a scale that is none is refused", () => {
      using backend = subject.create();
      const values = new Float32Array(64).fill(1);
      values[40] = Number.NaN;
      const each = { rows: 1, columns: 64, weights: [["Q4_0", 3] as const] };
      expect(blockProduct(backend, each, values).every(Number.isNaN)).toBe(true);
      const broken = randomBlocks("Q8_0", 2, 64, 1);
      broken.bytes[34] = 0;
      broken.bytes[35] = 0x7c;
      expect(() => backend.kernels.run(packBlocks, { weights: [broken] })).toThrow(/not finite/);
      expect(backend.memory().liveAllocations).toBe(0);
    });
  });
}
