import { type AttentionMode, type CacheType, exactRowDType, hybridAttention, knownPatterns, type BlockPattern, PagePool, SequenceCache, unpackedCache } from "@elastic-attention/attention";
import { MemoryScope } from "@elastic-attention/core";
import { signedRandom } from "@elastic-attention/fixtures";
import { type Backend, type FloatDType, ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import type { BackendUnderTest } from "../../backend-under-test.js";
import { poisoned, randomTensor, relativeError, relativeLength, tolerances, uploadFloats } from "../../random-tensors.js";
import { differingShare, roundedChoices } from "./rounded-choices.js";

const window: AttentionMode = { kind: "streaming", sinkTokens: 128, localTokens: 256, blockSize: 128 };
const pattern: BlockPattern = { type: "streaming", sinkBlocks: 1, localBlocks: 2, blockSize: 128 };

interface CacheCase {
  readonly headDim: number;
  /** Tokens of the prefill, and of later appends. */
  readonly appends: readonly number[];
  readonly paged: boolean;
}

const cases: readonly CacheCase[] = [
  { headDim: 64, appends: [129], paged: false },
  { headDim: 64, appends: [700, 1, 1], paged: true },
  { headDim: 128, appends: [640, 200, 77], paged: true },
  { headDim: 96, appends: [520, 1, 90], paged: false },
];

/** Two heads that keep everything and one that drops its middle, through appends that find pages and rings. */
function attend(backend: Backend, { headDim, appends, paged }: CacheCase, cacheType: CacheType | undefined): Float32Array {
  using scope = new MemoryScope();
  const pool = paged ? { pool: scope.track(new PagePool({ backend, headDim, dtype: "bf16", cacheType })) } : {};
  const cache = scope.track(new SequenceCache({ backend, numLayers: 1, numKeyValueHeads: 3, headDim, dtype: "bf16", cacheType, ...pool }));
  const outputs: number[] = [];
  for (const [turn, tokens] of appends.entries()) {
    const keys = scope.track(randomTensor(backend, [tokens, 3, headDim], "bf16", 100 + turn));
    const values = scope.track(randomTensor(backend, [tokens, 3, headDim], "bf16", 200 + turn, 3));
    const query = scope.track(randomTensor(backend, [tokens, 6, headDim], "bf16", 300 + turn));
    const output = scope.track(poisoned(backend, [tokens, 6, headDim], "f32"));
    cache.append(0, keys, values);
    const routing = knownPatterns([{ type: "full" }, pattern, { type: "full" }]);
    backend.kernels.run(hybridAttention, { query, output, sequences: [{ start: 0, length: tokens, cache: cache.layer(0), routing }], scale: headDim ** -0.5 });
    cache.settle(0, [{ kind: "full" }, window, { kind: "full" }]);
    cache.advance(tokens);
    for (const value of output.toFloat32()) outputs.push(value);
  }
  return Float32Array.from(outputs);
}

/** How far from full precision attention over rounded keys and values may lie, by the length of both: measured 0.026 and 0.0068. */
const errors: Readonly<Record<CacheType, number>> = { fp8: 0.05, q8_0: 0.012 };

/** Bytes of the keys that a cache holds after values of every size, those that are not numbers and none among them. */
function heldBytes(backend: Backend, headDim: number, dtype: FloatDType, cacheType: CacheType): Uint8Array {
  using scope = new MemoryScope();
  const cache = scope.track(new SequenceCache({ backend, numLayers: 1, numKeyValueHeads: 1, headDim, dtype, cacheType }));
  const random = signedRandom(headDim);
  const sizes = [1, 1e-4, 1e4, 1e-30, 1e30, 0];
  const values = Float32Array.from({ length: 48 * headDim }, (_, i) => random() * sizes[Math.floor(i / headDim) % sizes.length]! * 2 ** Math.floor(4 * random()));
  const keys = scope.track(uploadFloats(backend, values, [48, 1, headDim], dtype));
  cache.append(0, keys, keys);
  return cache.layer(0).keys.download();
}

/** Keys and values in 8 bits: written, kept, dropped and read as the reference does. */
export function describeRoundedCache(subject: BackendUnderTest, cacheTypes: readonly CacheType[] = ["fp8"]): void {
  describe.each(cacheTypes)(`caches in %s on ${subject.name}`, (cacheType) => {
    test.each(cases)("head dimension $headDim, appends $appends, paged $paged", (each) => {
      using backend = subject.create();
      const expected = attend(new ReferenceBackend(), each, cacheType);
      // The same rounded rows, read by kernels that round what they multiply to bf16.
      expect(relativeError(attend(backend, each, cacheType), expected)).toBeLessThan(2 * tolerances.bf16);
      expect(backend.memory().liveAllocations).toBe(0);
    });

    test("rounding keys and values moves the result by little", () => {
      using backend = subject.create();
      const error = relativeLength(attend(backend, cases[1]!, cacheType), attend(backend, cases[1]!, undefined));
      expect(error).toBeGreaterThan(1e-3);
      expect(error).toBeLessThan(errors[cacheType]);
    });
  });
}

/** What a backend adds whose kernels read rounded rows as they lie: the bits of rows, and the modes that look at keys before they attend. */
export function describeRoundedRows(subject: BackendUnderTest, cacheTypes: readonly CacheType[]): void {
  describe.each(cacheTypes)(`rows in %s on ${subject.name}`, (cacheType) => {
    test.each([64, 80, 16, 33])("are the reference's to the bit, head dimension %i", (headDim) => {
      using backend = subject.create();
      for (const dtype of ["f32", "bf16"] as const) {
        expect(Buffer.compare(heldBytes(backend, headDim, dtype, cacheType), heldBytes(new ReferenceBackend(), headDim, dtype, cacheType))).toBe(0);
      }
    });

    test("come back to the same bits when they are unpacked and kept again", () => {
      using backend = subject.create();
      using scope = new MemoryScope();
      const shape = { backend, numLayers: 1, numKeyValueHeads: 1, headDim: 64, dtype: "bf16", cacheType } as const;
      const [first, again] = [0, 1].map(() => scope.track(new SequenceCache(shape)));
      const keys = scope.track(randomTensor(backend, [50, 1, 64], "bf16", 5, 3));
      first!.append(0, keys, keys);
      first!.advance(50);
      const floats = unpackedCache(backend, first!.layer(0), exactRowDType("bf16", cacheType), scope);
      again!.append(0, floats.keys.rows(0, 50).reshape([50, 1, 64]), floats.values.rows(0, 50).reshape([50, 1, 64]));
      expect(again!.layer(0).keys.rows(0, 50).download()).toEqual(first!.layer(0).keys.rows(0, 50).download());
    });

    test.each([false, true])("are what pages, block search, XAttention and the mass of attention choose by, paged %s", (paged) => {
      using backend = subject.create();
      const [actual, expected] = [backend, new ReferenceBackend()].map((each) => roundedChoices(each, cacheType, paged));
      expect(actual!.bounds).toEqual(expected!.bounds);
      expect(relativeError(actual!.mass, expected!.mass)).toBeLessThan(tolerances.bf16);
      for (const kind of ["pages", "blocks", "antidiagonals"] as const) {
        expect(actual![kind].includes(1) && actual![kind].includes(0)).toBe(true);
        // Sums in another order turn a block whose weight is at the limit.
        expect(differingShare(actual![kind], expected![kind])).toBeLessThan(0.01);
      }
      expect(backend.memory().liveAllocations).toBe(0);
    });
  });
}
