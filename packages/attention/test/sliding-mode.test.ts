import { randomFloats } from "@elastic-attention/fixtures";
import { ReferenceBackend } from "@elastic-attention/tensor";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { attentionModeDefinition, hybridAttention, PagePool, SequenceCache, type SlidingMode, visitedRanges } from "../src/index.js";
import { floats, poisoned } from "./filled-cache.js";

const backend = new ReferenceBackend();
const sliding = (windowTokens: number): SlidingMode => ({ kind: "sliding", windowTokens });
const definitionOf = (windowTokens: number) => attentionModeDefinition(sliding(windowTokens));

describe("the sliding mode", () => {
  test("position i sees the W positions that end with its own", () => {
    const window = fc.tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 0, max: 120 }));
    fc.assert(
      fc.property(window, ([windowTokens, position]) => {
        const seen = visitedRanges(definitionOf(windowTokens).pattern(sliding(windowTokens)), position).flatMap(([start, end]) =>
          Array.from({ length: end - start }, (_, i) => start + i),
        );
        const expected = Array.from({ length: position + 1 }, (_, key) => key).filter((key) => position - windowTokens < key);
        expect(seen).toEqual(expected);
      }),
      { numRuns: 200, seed: 3 },
    );
  });

  test("keeps the window in whole blocks of 128 and no sink", () => {
    for (const [windowTokens, ringTokens] of [[1, 128], [128, 128], [129, 256], [4096, 4096]] as const) {
      expect(definitionOf(windowTokens).retention(sliding(windowTokens))).toEqual({ type: "sink-ring", sinkTokens: 0, ringTokens });
    }
  });

  test("a window that is no whole number above 0 is refused by name", () => {
    for (const windowTokens of [0, -1, 1.5, NaN]) expect(() => definitionOf(1).validate(sliding(windowTokens))).toThrow(/sliding: windowTokens/);
  });
});

describe.each(["tensors of its own", "pages"] as const)("a cache in %s that keeps a window only", (memory) => {
  const [numKeyValueHeads, group, headDim] = [2, 2, 8];

  /** Outputs of the last chunk of a sequence that comes in chunks, of one layer with these windows. */
  function attendInChunks(windows: readonly number[], chunks: readonly number[], settle: boolean): { output: Float32Array; bytes: number } {
    const tokens = chunks.reduce((a, b) => a + b, 0);
    using pool = memory === "pages" ? new PagePool({ backend, headDim, dtype: "f32", maximumPages: 64 }) : undefined;
    using cache = new SequenceCache({ backend, numLayers: 1, numKeyValueHeads, headDim, dtype: "f32", ...(pool === undefined ? {} : { pool }) });
    const modes = windows.map(sliding);
    const patterns = modes.map((mode) => attentionModeDefinition(mode).pattern(mode));
    const rows = (seed: number, heads: number, start: number, count: number) => {
      const all = randomFloats(seed, tokens * heads * headDim);
      return floats(backend, all.subarray(start * heads * headDim, (start + count) * heads * headDim), [count, heads, headDim]);
    };
    let start = 0;
    let output: Float32Array = new Float32Array();
    for (const length of chunks) {
      using query = rows(1, numKeyValueHeads * group, start, length);
      using keys = rows(2, numKeyValueHeads, start, length);
      using values = rows(3, numKeyValueHeads, start, length);
      cache.append(0, keys, values);
      using result = poisoned(backend, query.shape);
      const sequences = [{ start: 0, length, cache: cache.layer(0), routing: { type: "patterns", patterns } as const }];
      backend.kernels.run(hybridAttention, { query, output: result, sequences, scale: 0.4 });
      if (settle) cache.settle(0, modes);
      cache.advance(length);
      start += length;
      output = result.toFloat32();
    }
    return { output, bytes: cache.byteLength };
  }

  test.each([
    ["a long prompt, then tokens one by one", [300, 1, 1, 1]],
    ["chunks shorter and longer than the window", [7, 200, 1, 130, 31, 260, 129]],
    ["tokens one by one over the end of the ring", [125, 1, 1, 1, 1, 1, 125, 1, 1, 1, 1, 1]],
  ] as const)("%s: the same bits as with everything kept", (_, chunks) => {
    for (const windows of [[1, 100], [128, 129]]) {
      const [kept, all] = [true, false].map((settle) => attendInChunks(windows, chunks, settle));
      expect(kept!.output).toEqual(all!.output);
    }
  });

  test("memory stays that of the window", () => {
    expect(attendInChunks([100, 128], [2000, 1], true).bytes).toBeLessThanOrEqual(2 * 2 * 256 * headDim * 4);
  });
});
