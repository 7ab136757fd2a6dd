import { signedRandom } from "@elastic-attention/fixtures";
import { MemoryScope } from "@elastic-attention/core";
import {
  allocateExperts,
  type Backend,
  combineRows,
  dispatchRows,
  expertLinear,
  type ExpertGroups,
  type ExpertWeight,
  type FloatDType,
  groupByExpert,
  packExpert,
  ReferenceBackend,
  routeExperts,
  type Tensor,
} from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { expectAgreement, sameBits } from "../../agreement.js";
import type { BackendUnderTest } from "../../backend-under-test.js";
import { poisoned, randomTensor, tolerances, uploadFloats } from "../../random-tensors.js";

/** Rows, choices and experts, and which experts can be chosen. */
export interface ExpertCase {
  readonly title: string;
  readonly rows: number;
  readonly choices: number;
  readonly experts: number;
  /** The experts that any row may choose; default all. */
  readonly among?: readonly number[];
}

export const expertCases: readonly ExpertCase[] = [
  { title: "one row", rows: 1, choices: 2, experts: 4 },
  { title: "one expert", rows: 5, choices: 1, experts: 1 },
  { title: "ragged groups", rows: 75, choices: 2, experts: 5 },
  { title: "many experts, most of them empty", rows: 3, choices: 4, experts: 128 },
  { title: "one expert that takes all", rows: 140, choices: 1, experts: 8, among: [6] },
  { title: "the first and the last empty", rows: 33, choices: 3, experts: 9, among: [1, 2, 4, 7] },
  { title: "more rows than a tile", rows: 300, choices: 2, experts: 3 },
];

/** i32 that no kernel may leave: what is not written shows. */
const unwritten = -123;

/** Groups of a case, the same on every backend; freed with the scope. */
export function expertGroups(backend: Backend, scope: MemoryScope, { rows, choices, experts, among }: ExpertCase): ExpertGroups {
  const random = signedRandom(3);
  const numbers = among ?? Array.from({ length: experts }, (_, expert) => expert);
  const chosen = Int32Array.from({ length: rows * choices }, () => 0);
  for (let row = 0; row < rows; row++) {
    const order = numbers.map((expert) => [random(), expert] as const).sort(([a], [b]) => a - b);
    for (let choice = 0; choice < choices; choice++) chosen[row * choices + choice] = order[choice]![1];
  }
  const integers = (shape: readonly number[]) =>
    scope.track(backend.upload(new Int32Array(shape.reduce((a, b) => a * b, 1)).fill(unwritten), shape, "i32"));
  const groups = { offsets: integers([experts + 1]), rows: integers([rows * choices]), slots: integers([rows, choices]) };
  backend.kernels.run(groupByExpert, { chosen: scope.track(backend.upload(chosen, [rows, choices], "i32")), groups });
  return groups;
}

/** The weights of a case, every expert its own, packed from two matrices. */
export function expertWeight(backend: Backend, scope: MemoryScope, experts: number, [outFeatures, inFeatures]: readonly [number, number], dtype: FloatDType): ExpertWeight {
  const weight = scope.track(backend.kernels.run(allocateExperts, { numExperts: experts, outFeatures, inFeatures, dtype }));
  const first = Math.floor(outFeatures / 2);
  for (let expert = 0; expert < experts; expert++) {
    using above = randomTensor(backend, [first, inFeatures], "f32", 1000 + expert, inFeatures ** -0.5);
    using below = randomTensor(backend, [outFeatures - first, inFeatures], "f32", 2000 + expert, inFeatures ** -0.5);
    backend.kernels.run(packExpert, { experts: weight, expert, weights: [above, below] });
  }
  return weight;
}

/** Layers of experts against the reference backend: choices, groups, products of each expert's rows, weighted sums. */
export function describeExpertKernels(subject: BackendUnderTest): void {
  describe(`expert kernels of ${subject.name}`, () => {
    test.each([[1, 4, 2], [70, 8, 2], [5, 128, 8], [3, 33, 33], [2, 1024, 10], [9, 1, 1]])("routeExperts [%i, %i] chooses %i", (rows, experts, choices) => {
      for (const normalized of [true, false]) {
        expectAgreement(subject, tolerances.f32, (backend, scope) => route(backend, scope, [rows, experts, choices], normalized).weights);
        const [found, expected] = [subject.create(), new ReferenceBackend()].map((backend) => {
          using scope = new MemoryScope();
          const { chosen, weights } = route(backend, scope, [rows, experts, choices], normalized);
          scope.track(weights);
          return integersOf(chosen);
        });
        expect(found).toEqual(expected);
      }
    });

    test("routeExperts takes the lower of equal ones, and different experts whatever the logits are", () => {
      const rows = [[1, 1, 1, 1, 1], [0, 2, NaN, 2, 1], [NaN, NaN, NaN, NaN, NaN], [-Infinity, -Infinity, -Infinity, -Infinity, 3], [-0, 0, -0, 0, -1]];
      using backend = subject.create();
      using logits = uploadFloats(backend, Float32Array.from(rows.flat()), [5, 5], "f32");
      using chosen = backend.allocate([5, 3], "i32");
      using weights = poisoned(backend, [5, 3], "f32");
      backend.kernels.run(routeExperts, { logits, normalized: true, chosen, weights });
      expect(integersOf(chosen)).toEqual([0, 1, 2, 1, 3, 4, 0, 1, 2, 4, 0, 1, 0, 1, 2]);
    });

    test.each(expertCases)("groups: $title", (shape) => {
      const [found, expected] = [subject.create(), new ReferenceBackend()].map((backend) => {
        using scope = new MemoryScope();
        const { offsets, rows, slots } = expertGroups(backend, scope, shape);
        return [offsets, rows, slots].map((tensor) => integersOf(tensor));
      });
      expect(found).toEqual(expected);
    });

    describe.each(subject.dtypes)("in %s", (dtype) => {
      const tolerance = tolerances[dtype];

      test.each(expertCases)("dispatchRows and combineRows: $title", (shape) => {
        for (const features of [1, 40, 257]) {
          expectAgreement(subject, tolerance * 2, (backend, scope) => {
            const { rows, choices } = shape;
            const groups = expertGroups(backend, scope, shape);
            const input = scope.track(randomTensor(backend, [rows, features + 3], dtype, 11)).columns(2, features + 2);
            const weights = scope.track(randomTensor(backend, [rows, choices], "f32", 12));
            const slots = poisoned(backend, [rows * choices, features], dtype);
            backend.kernels.run(dispatchRows, { input, groups, output: slots });
            const [summed, stream] = [poisoned(backend, [rows, features], dtype), randomTensor(backend, [rows, features], "f32", 13)];
            backend.kernels.run(combineRows, { input: slots, groups, output: summed });
            backend.kernels.run(combineRows, { input: slots, groups, weights, output: stream, accumulate: true });
            return [slots, summed, stream];
          });
        }
      });

      const products = [[40, 24], [7, 33], [128, 160], [256, 64]] as const;
      test.each(expertCases)("expertLinear: $title", (shape) => {
        for (const [outFeatures, inFeatures] of shape.experts > 16 ? products.slice(0, 2) : products) {
          expectAgreement(subject, tolerance * 2, (backend, scope) => {
            const groups = expertGroups(backend, scope, shape);
            const weight = expertWeight(backend, scope, shape.experts, [outFeatures, inFeatures], dtype);
            const bias = scope.track(randomTensor(backend, [shape.experts, outFeatures], "f32", 14));
            const slots = shape.rows * shape.choices;
            const input = scope.track(randomTensor(backend, [slots, inFeatures + 5], dtype, 15)).columns(3, inFeatures + 3);
            const [plain, biased] = [poisoned(backend, [slots, outFeatures], dtype), poisoned(backend, [slots, outFeatures + 1], "f32")];
            backend.kernels.run(expertLinear, { input, offsets: groups.offsets, weight, output: plain });
            backend.kernels.run(expertLinear, { input, offsets: groups.offsets, weight, bias, output: biased.columns(0, outFeatures) });
            return [plain, biased];
          });
        }
      });

      test("a row's result has the same bits alone and among others", () => {
        using backend = subject.create();
        const results = [1, 300].map((rows) => {
          using scope = new MemoryScope();
          const weight = expertWeight(backend, scope, 2, [64, 96], dtype);
          const input = scope.track(randomTensor(backend, [300, 96], dtype, 16)).rows(0, rows);
          const offsets = scope.track(backend.upload(Int32Array.of(0, rows, rows), [3], "i32"));
          const output = scope.track(poisoned(backend, [rows, 64], dtype));
          backend.kernels.run(expertLinear, { input, offsets, weight, output });
          return backend.download(output.rows(0, 1));
        });
        expect(sameBits(results[0]!, results[1]!)).toBe(true);
      });
    });
  });
}

/** The choices and weights of random logits. */
function route(backend: Backend, scope: MemoryScope, [rows, experts, choices]: readonly [number, number, number], normalized: boolean) {
  const logits = scope.track(randomTensor(backend, [rows, experts], "f32", 5, 4));
  const chosen = scope.track(backend.upload(new Int32Array(rows * choices).fill(unwritten), [rows, choices], "i32"));
  const weights = poisoned(backend, [rows, choices], "f32");
  backend.kernels.run(routeExperts, { logits, normalized, chosen, weights });
  return { chosen, weights };
}

function integersOf(tensor: Tensor): number[] {
  const bytes = tensor.backend.download(tensor);
  return Array.from(new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4));
}
