import { signedRandom } from "@elastic-attention/fixtures";
import { MemoryScope } from "@elastic-attention/core";
import {
  type AttentionMode,
  blockMaskFromHost,
  type BlockPattern,
  hybridAttention,
  knownPatterns,
  PagePool,
  SequenceCache,
  xattentionEstimate,
} from "@elastic-attention/attention";
import { type Backend, type FloatDType, ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { type BackendUnderTest, poisoned, randomTensor, relativeError } from "@elastic-attention/conformance";

interface Shape {
  readonly headDim: number;
  readonly queryHeads: number;
  /** Tokens of the prefill, and of later appends. */
  readonly appends: readonly number[];
}

const shapes: readonly Shape[] = [
  { headDim: 64, queryHeads: 4, appends: [129] },
  { headDim: 96, queryHeads: 8, appends: [640, 1, 200] },
  { headDim: 128, queryHeads: 12, appends: [700, 1, 77] },
];

const window: AttentionMode = { kind: "streaming", sinkTokens: 128, localTokens: 256, blockSize: 128 };
const pattern: BlockPattern = { type: "streaming", sinkBlocks: 1, localBlocks: 2, blockSize: 128 };

/** Every pattern in blocks of 128, so that the tile kernels serve: prefill, a step, and a turn that finds rings. */
function attend(backend: Backend, { headDim, queryHeads, appends }: Shape, dtype: FloatDType, paged = false): Float32Array {
  using scope = new MemoryScope();
  const pool = paged ? { pool: scope.track(new PagePool({ backend, headDim, dtype })) } : {};
  const cache = scope.track(new SequenceCache({ backend, numLayers: 1, numKeyValueHeads: 4, headDim, dtype, ...pool }));
  const outputs: number[] = [];
  for (const [turn, tokens] of appends.entries()) {
    const keys = scope.track(randomTensor(backend, [tokens, 4, headDim], dtype, 100 + turn));
    const values = scope.track(randomTensor(backend, [tokens, 4, headDim], dtype, 200 + turn));
    cache.append(0, keys, values);
    const query = scope.track(randomTensor(backend, [tokens, queryHeads, headDim], dtype, 300 + turn));
    const output = scope.track(poisoned(backend, query.shape, dtype));
    const blocks = Math.ceil(tokens / 128);
    const random = signedRandom(400);
    const bytes = Uint8Array.from({ length: queryHeads * blocks * blocks }, () => (random() > 0 ? 1 : 0));
    using mask = blockMaskFromHost(backend, bytes, { blockSize: 128, numQueryHeads: queryHeads, keyBlocks: blocks });
    const routing = turn > 0 ? cache.decodePatterns(0) : knownPatterns([{ type: "full" }, pattern, { type: "selected", blockSize: 128 }, pattern], mask);
    const sequence = { start: 0, length: tokens, cache: cache.layer(0), routing };
    backend.kernels.run(hybridAttention, { query, output, sequences: [sequence], scale: headDim ** -0.5 });
    cache.settle(0, [{ kind: "full" }, window, { kind: "full" }, window]);
    for (const value of output.toFloat32()) outputs.push(value);
  }
  return Float32Array.from(outputs);
}

/** Shapes that the Hopper kernel takes, through the whole backend. */
export function describeTiles(subject: BackendUnderTest): void {
  describe("tiles of 128 queries", () => {
    test.each(shapes)("head_dim $headDim, $queryHeads/4 heads, appends $appends", (shape) => {
      for (const dtype of ["bf16", "f16"] as const) {
        using backend = subject.create();
        const [actual, expected] = [attend(backend, shape, dtype), attend(new ReferenceBackend(), shape, dtype)];
        const tolerance = dtype === "bf16" ? 2 ** -7 : 2 ** -10;
        expect(relativeError(actual, expected)).toBeLessThan(tolerance);
        expect(relativeError(attend(backend, shape, dtype, true), expected)).toBeLessThan(tolerance);
        expect(backend.memory().liveAllocations).toBe(0);
      }
    });

    test("70 sequences in one call: of caches of their own, and of one pool", () => {
      const outputs = (backend: Backend, paged: boolean): Float32Array => {
        using scope = new MemoryScope();
        const [headDim, dtype] = [64, "bf16"] as const;
        const pool = paged ? { pool: scope.track(new PagePool({ backend, headDim, dtype })) } : {};
        const lengths = Array.from({ length: 70 }, (_, index) => 48 + index);
        const tokens = lengths.reduce((sum, length) => sum + length);
        const query = scope.track(randomTensor(backend, [tokens, 2, headDim], dtype, 1));
        const output = scope.track(poisoned(backend, query.shape, dtype));
        let start = 0;
        const sequences = lengths.map((length, index) => {
          const cache = scope.track(new SequenceCache({ backend, numLayers: 1, numKeyValueHeads: 1, headDim, dtype, ...pool }));
          const keys = scope.track(randomTensor(backend, [length, 1, headDim], dtype, 100 + index));
          const values = scope.track(randomTensor(backend, [length, 1, headDim], dtype, 200 + index));
          cache.append(0, keys, values);
          start += length;
          return { start: start - length, length, cache: cache.layer(0), routing: knownPatterns([index % 2 === 0 ? pattern : { type: "full" }]) };
        });
        backend.kernels.run(hybridAttention, { query, output, sequences, scale: headDim ** -0.5 });
        return output.toFloat32();
      };
      using backend = subject.create();
      const expected = outputs(new ReferenceBackend(), false);
      for (const paged of [false, true]) expect(relativeError(outputs(backend, paged), expected)).toBeLessThan(2 ** -7);
      expect(backend.memory().liveAllocations).toBe(0);
    });

    test("XAttention chooses as the reference does, in bf16 too", () => {
      const estimate = (backend: Backend): Uint8Array => {
        using scope = new MemoryScope();
        const cache = scope.track(new SequenceCache({ backend, numLayers: 1, numKeyValueHeads: 2, headDim: 64, dtype: "bf16" }));
        const keys = scope.track(randomTensor(backend, [1300, 2, 64], "bf16", 5, 3));
        cache.append(0, keys, keys);
        const query = scope.track(randomTensor(backend, [1300, 4, 64], "bf16", 6, 3));
        const mode = { kind: "xattention", stride: 16, threshold: 0.8, blockSize: 128 } as const;
        using mask = backend.kernels.run(xattentionEstimate, { query, cache: cache.layer(0), keyValueHeads: [0, 1], mode });
        return mask.visited.download();
      };
      using backend = subject.create();
      const [actual, expected] = [estimate(backend), estimate(new ReferenceBackend())];
      const different = actual.filter((value, index) => value !== expected[index]).length;
      // Sums in another order may turn a near tie.
      expect(different / actual.length).toBeLessThan(1e-3);
    });
  });
}
