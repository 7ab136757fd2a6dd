import { MemoryScope } from "@elastic-attention/core";
import { blockSearch, PagePool, SequenceCache } from "@elastic-attention/attention";
import { type Backend, type FloatDType, ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import type { BackendUnderTest } from "../../backend-under-test.js";
import { randomTensor, uploadFloats } from "../../random-tensors.js";

interface Shape {
  readonly headDim: number;
  readonly queryHeads: number;
  readonly kvHeads: number;
  readonly tokens: number;
  readonly blockSize: number;
  readonly stride: number;
  readonly alpha: number;
  readonly softCap?: number;
}

const shapes: readonly Shape[] = [
  { headDim: 64, queryHeads: 4, kvHeads: 2, tokens: 1, blockSize: 32, stride: 8, alpha: 0.1 },
  { headDim: 64, queryHeads: 4, kvHeads: 2, tokens: 700, blockSize: 32, stride: 8, alpha: 0.3 },
  { headDim: 128, queryHeads: 6, kvHeads: 2, tokens: 1111, blockSize: 128, stride: 16, alpha: 0.5 },
  { headDim: 40, queryHeads: 2, kvHeads: 1, tokens: 300, blockSize: 16, stride: 5, alpha: 0.2, softCap: 40 },
  { headDim: 32, queryHeads: 2, kvHeads: 2, tokens: 200, blockSize: 32, stride: 32, alpha: 0 },
];

function search(backend: Backend, shape: Shape, dtype: FloatDType, paged: boolean, broken = false): Uint8Array {
  const { headDim, queryHeads, kvHeads, tokens, blockSize, stride, alpha, softCap } = shape;
  using scope = new MemoryScope();
  const pool = paged ? { pool: scope.track(new PagePool({ backend, headDim, dtype })) } : {};
  const cache = scope.track(new SequenceCache({ backend, numLayers: 1, numKeyValueHeads: kvHeads, headDim, dtype, ...pool }));
  const keys = scope.track(randomTensor(backend, [tokens, kvHeads, headDim], dtype, 5, 3));
  if (broken) backend.write(keys.rows(90, 91), scope.track(uploadFloats(backend, new Float32Array(kvHeads * headDim).fill(NaN), [1, kvHeads, headDim], dtype)).download());
  cache.append(0, keys, keys);
  const query = scope.track(randomTensor(backend, [tokens, queryHeads, headDim], dtype, 6, 3));
  const head = kvHeads - 1;
  using mask = backend.kernels.run(blockSearch, { query, cache: cache.layer(0), keyValueHeads: [head], blockSize, stride, alpha, scale: 1, softCap });
  const blocks = Math.ceil(tokens / blockSize);
  return mask.visited.download().slice((head * queryHeads * blocks * blocks) / kvHeads);
}

/** The search for blocks against the reference backend. */
export function describeBlockSearch(subject: BackendUnderTest): void {
  describe(`the block search of ${subject.name}`, () => {
    test.each(shapes)("$tokens tokens, blocks of $blockSize, stride $stride, alpha $alpha", (shape) => {
      using backend = subject.create();
      for (const dtype of subject.dtypes) {
        const expected = search(new ReferenceBackend(), shape, dtype, false);
        for (const paged of [false, true]) {
          const actual = search(backend, shape, dtype, paged);
          // A weight that lies on the threshold may fall on either side of it: float32 sums in another order.
          const different = actual.reduce((sum, visited, index) => sum + (visited === expected[index] ? 0 : 1), 0);
          expect(different).toBeLessThanOrEqual(Math.floor(expected.length / 500));
        }
        // With a share of nothing every block before is read.
        if (shape.alpha === 0) expect(expected.filter((visited) => visited === 1)).toHaveLength((7 * 8) / 2);
        else if (shape.tokens > 1) expect(expected.filter((visited) => visited === 1).length).toBeLessThan(expected.length / 2);
        expect(backend.memory().liveAllocations).toBe(0);
      }
    });

    test("a key that is not a number has every block of the rows behind it read", () => {
      using backend = subject.create();
      for (const dtype of subject.dtypes) expect(search(backend, shapes[1]!, dtype, true, true)).toEqual(search(new ReferenceBackend(), shapes[1]!, dtype, false, true));
    });
  });
}
