import { type AttentionMode, type CacheType, hybridAttention, knownPatterns, type BlockPattern, PagePool, SequenceCache } from "@elastic-attention/attention";
import { MemoryScope } from "@elastic-attention/core";
import { type Backend, ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import type { BackendUnderTest } from "../../backend-under-test.js";
import { poisoned, randomTensor, relativeError, relativeLength, tolerances } from "../../random-tensors.js";

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

/** Keys and values in fp8: written, kept, dropped and read as the reference does. */
export function describeRoundedCache(subject: BackendUnderTest): void {
  describe(`caches in fp8 on ${subject.name}`, () => {
    test.each(cases)("head dimension $headDim, appends $appends, paged $paged", (each) => {
      using backend = subject.create();
      const expected = attend(new ReferenceBackend(), each, "fp8");
      // The same rounded rows, read by kernels that round what they multiply to bf16.
      expect(relativeError(attend(backend, each, "fp8"), expected)).toBeLessThan(2 * tolerances.bf16);
      expect(backend.memory().liveAllocations).toBe(0);
    });

    test("rounding keys and values moves the result by a few percent at most", () => {
      using backend = subject.create();
      const error = relativeLength(attend(backend, cases[1]!, "fp8"), attend(backend, cases[1]!, undefined));
      expect(error).toBeGreaterThan(1e-3);
      expect(error).toBeLessThan(0.05);
    });
  });
}
