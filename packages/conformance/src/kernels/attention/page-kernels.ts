import { MemoryScope } from "@elastic-attention/core";
import { signedRandom } from "@elastic-attention/fixtures";
import {
  boundedPages,

  type BoundPagesCall,
  completePages,
  type PageBounds,
  type PageChoice,
  PagePool,
  selectPages,
  SequenceCache,
} from "@elastic-attention/attention";
import { type Backend, type FloatDType, ReferenceBackend, type Tensor } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import type { BackendUnderTest } from "../../backend-under-test.js";
import { uploadFloats } from "../../random-tensors.js";

interface Shape {
  readonly headDim: number;
  readonly queryHeads: number;
  readonly kvHeads: number;
  readonly tokens: number;
  /** Last positions that choose. */
  readonly rows: number;
  readonly pageTokens: 16 | 32 | 64;
  readonly choice: PageChoice;
}

const shapes: readonly Shape[] = [
  { headDim: 64, queryHeads: 4, kvHeads: 2, tokens: 700, rows: 1, pageTokens: 16, choice: { sinkBlocks: 1, localBlocks: 2, budgetPages: 5, budgetParts: 0 } },
  { headDim: 128, queryHeads: 6, kvHeads: 2, tokens: 1030, rows: 70, pageTokens: 32, choice: { sinkBlocks: 2, localBlocks: 1, budgetPages: 0, budgetParts: 8192 } },
  { headDim: 40, queryHeads: 2, kvHeads: 2, tokens: 333, rows: 3, pageTokens: 16, choice: { sinkBlocks: 0, localBlocks: 1, budgetPages: 3, budgetParts: 0 } },
  { headDim: 8, queryHeads: 20, kvHeads: 2, tokens: 260, rows: 17, pageTokens: 64, choice: { sinkBlocks: 1, localBlocks: 1, budgetPages: 1, budgetParts: 0 } },
  { headDim: 64, queryHeads: 2, kvHeads: 2, tokens: 90, rows: 2, pageTokens: 32, choice: { sinkBlocks: 1, localBlocks: 1, budgetPages: 9, budgetParts: 0 } },
  { headDim: 256, queryHeads: 2, kvHeads: 1, tokens: 1200, rows: 1, pageTokens: 16, choice: { sinkBlocks: 4, localBlocks: 4, budgetPages: 20, budgetParts: 0 } },
  { headDim: 32, queryHeads: 1, kvHeads: 1, tokens: 10, rows: 10, pageTokens: 16, choice: { sinkBlocks: 1, localBlocks: 1, budgetPages: 1, budgetParts: 0 } },
];

/** Small whole numbers: their bounds are exact in every type and in any order of sums, so that equal bounds are equal everywhere. */
export function wholeNumbers(backend: Backend, shape: readonly number[], dtype: FloatDType, seed: number, most = 4): Tensor {
  const random = signedRandom(seed);
  const values = Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, () => Math.round(random() * most) + 0);
  return uploadFloats(backend, values, shape, dtype);
}

interface Chosen {
  /** Of the complete pages of the last head. */
  readonly bounds: Float32Array;
  /** [queryHeads of the last key-value head, query pages, key pages]. */
  readonly visited: Uint8Array;
}

function choose(backend: Backend, shape: Shape, dtype: FloatDType, paged: boolean, keyAt?: number): Chosen {
  const { headDim, queryHeads, kvHeads, tokens, rows, pageTokens, choice } = shape;
  using scope = new MemoryScope();
  const pool = paged ? { pool: scope.track(new PagePool({ backend, headDim, dtype })) } : {};
  const cache = scope.track(new SequenceCache({ backend, numLayers: 1, numKeyValueHeads: kvHeads, headDim, dtype, ...pool }));
  const keys = scope.track(wholeNumbers(backend, [tokens, kvHeads, headDim], dtype, 5));
  if (keyAt !== undefined) {
    const row = keys.rows(keyAt, keyAt + 1);
    backend.write(row, scope.track(uploadFloats(backend, new Float32Array(kvHeads * headDim).fill(NaN), row.shape, dtype)).download());
  }
  cache.append(0, keys, keys);
  const query = scope.track(wholeNumbers(backend, [rows, queryHeads, headDim], dtype, 6));
  const layer = cache.layer(0);
  const [head, group, keyPages] = [kvHeads - 1, queryHeads / kvHeads, Math.ceil(tokens / pageTokens)];
  const bounds = scope.track(boundedPages(layer, pageTokens, [head]));
  using mask = backend.kernels.run(selectPages, { query, cache: layer, bounds, keyValueHeads: [head], choice });
  expect([mask.blockSize, mask.keyBlocks, mask.queryBlocks]).toEqual([pageTokens, keyPages, keyPages - Math.floor((tokens - rows) / pageTokens)]);
  const complete = Array.from({ length: completePages(tokens, pageTokens) }, (_, page) => page);
  return {
    bounds: Float32Array.from(complete.flatMap((page) => Array.from(boundsOf(bounds, layer, head, page).toFloat32()))),
    visited: mask.visited.download().slice(head * group * mask.queryBlocks * keyPages),
  };
}

function boundsOf({ rows, pageTokens }: PageBounds, cache: BoundPagesCall["cache"], head: number, page: number): Tensor {
  const slot = cache.heads[head]!.firstSlot + page * pageTokens;
  const { pages } = cache;
  const row = pages === undefined ? slot : pages.host[Math.floor(slot / pages.pageTokens)]! * pages.pageTokens + (slot % pages.pageTokens);
  return rows.rows(Math.floor(row / pageTokens), Math.floor(row / pageTokens) + 1);
}

/** Bounds of pages and the choice by them against the reference backend, to the bit: whole numbers leave no rounding. */
export function describePageKernels(subject: BackendUnderTest): void {
  describe(`pages by query of ${subject.name}`, () => {
    test.each(shapes)("head_dim $headDim, $queryHeads/$kvHeads heads, $tokens tokens in pages of $pageTokens, $rows rows", (shape) => {
      using backend = subject.create();
      for (const dtype of subject.dtypes) {
        const expected = choose(new ReferenceBackend(), shape, dtype, false);
        for (const paged of [false, true]) {
          const actual = choose(backend, shape, dtype, paged);
          expect(actual.bounds).toEqual(expected.bounds);
          expect(Buffer.compare(actual.visited, expected.visited)).toBe(0);
        }
        expect(backend.memory().liveAllocations).toBe(0);
      }
    });

    test("a page with a key that is not a number has such bounds and is chosen first", () => {
      using backend = subject.create();
      const shape = shapes[0]!;
      for (const dtype of subject.dtypes) {
        const [actual, expected] = [choose(backend, shape, dtype, true, 333), choose(new ReferenceBackend(), shape, dtype, false, 333)];
        expect(actual).toEqual(expected);
        const page = Math.floor(333 / shape.pageTokens);
        expect(actual.bounds.subarray(page * 2 * shape.headDim, (page + 1) * 2 * shape.headDim).every(Number.isNaN)).toBe(true);
        expect(actual.visited[page]).toBe(1);
      }
    });
  });
}
