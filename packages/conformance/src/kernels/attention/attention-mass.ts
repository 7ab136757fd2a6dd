import { MemoryScope } from "@elastic-attention/core";
import { attentionMass, PagePool, SequenceCache } from "@elastic-attention/attention";
import { type Backend, type FloatDType, ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import type { BackendUnderTest } from "../../backend-under-test.js";
import { poisoned, randomTensor, relativeError } from "../../random-tensors.js";

interface Shape {
  readonly headDim: number;
  readonly queryHeads: number;
  readonly kvHeads: number;
  readonly tokens: number;
  readonly rows: number;
  readonly softCap?: number;
}

const shapes: readonly Shape[] = [
  { headDim: 64, queryHeads: 8, kvHeads: 4, tokens: 1, rows: 1 },
  { headDim: 64, queryHeads: 8, kvHeads: 2, tokens: 1500, rows: 33 },
  { headDim: 128, queryHeads: 3, kvHeads: 3, tokens: 257, rows: 257 },
  { headDim: 40, queryHeads: 4, kvHeads: 2, tokens: 300, rows: 7, softCap: 1.5 },
  { headDim: 256, queryHeads: 2, kvHeads: 1, tokens: 130, rows: 2 },
];

function mass(backend: Backend, { headDim, queryHeads, kvHeads, tokens, rows, softCap }: Shape, dtype: FloatDType, paged: boolean): Float32Array {
  using scope = new MemoryScope();
  const pool = paged ? { pool: scope.track(new PagePool({ backend, headDim, dtype })) } : {};
  const cache = scope.track(new SequenceCache({ backend, numLayers: 1, numKeyValueHeads: kvHeads, headDim, dtype, ...pool }));
  const keys = scope.track(randomTensor(backend, [tokens, kvHeads, headDim], dtype, 1, 3));
  cache.append(0, keys, keys);
  const query = scope.track(randomTensor(backend, [rows, queryHeads, headDim], dtype, 2, 3));
  const heads = Array.from({ length: Math.max(1, kvHeads - 1) }, (_, index) => kvHeads - 1 - index);
  const sums = scope.track(poisoned(backend, [heads.length, tokens], "f32"));
  backend.kernels.run(attentionMass, { query, cache: cache.layer(0), keyValueHeads: heads, scale: headDim ** -0.5, softCap, mass: sums });
  return sums.toFloat32();
}

/** The attention that last rows pay to each key, against the reference backend. */
export function describeAttentionMass(subject: BackendUnderTest): void {
  describe(`attention by key of ${subject.name}`, () => {
    test.each(shapes)("$tokens tokens, $rows rows, head_dim $headDim, $queryHeads/$kvHeads heads", (shape) => {
      using backend = subject.create();
      for (const dtype of subject.dtypes) {
        const expected = mass(new ReferenceBackend(), shape, dtype, false);
        for (const paged of [false, true]) {
          const actual = mass(backend, shape, dtype, paged);
          // Products and exponentials in float32, for inputs of any type.
          expect(relativeError(actual, expected)).toBeLessThan(1e-4);
          expect(mass(backend, shape, dtype, paged)).toEqual(actual);
        }
        const heads = Math.max(1, shape.kvHeads - 1);
        const total = expected.reduce((sum, value) => sum + value, 0);
        expect(total).toBeCloseTo((heads * shape.rows * shape.queryHeads) / shape.kvHeads, 2);
        expect(backend.memory().liveAllocations).toBe(0);
      }
    });
  });
}
