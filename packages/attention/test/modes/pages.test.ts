import { randomFloats as seeded } from "@elastic-attention/fixtures";
import { ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import {
  attentionModeDefinition,
  boundedPages,
  hybridAttention,
  knownPatterns,
  PagePool,
  type PagesMode,
  selectPages,
  SequenceCache,
  stepPatterns,
  validateMode,
} from "../../src/index.js";
import { filledCache, floats, poisoned } from "../filled-cache.js";

const backend = new ReferenceBackend();
const [numKeyValueHeads, group, headDim] = [2, 2, 8];
const randomFloats = (count: number, seed: number): Float32Array => seeded(seed, count);
const pages = (settings: Partial<PagesMode> = {}): PagesMode => ({ kind: "pages", sinkTokens: 16, localTokens: 32, pageTokens: 16, budget: 32, ...settings });

/** Pages that each query head reads in each page of its positions. */
function chosen(keys: Float32Array, query: Float32Array, mode: PagesMode): number[][][] {
  using cache = filledCache(backend, keys, keys, { numKeyValueHeads, headDim });
  using queries = floats(backend, query, [query.length / (numKeyValueHeads * group * headDim), numKeyValueHeads * group, headDim]);
  const { select } = attentionModeDefinition(mode);
  using mask = select!({ mode, layer: 0, query: queries, cache, keyValueHeads: [0, 1], scale: 1 });
  const bytes = mask.visited.download();
  return Array.from({ length: mask.numQueryHeads }, (_, head) =>
    Array.from({ length: mask.queryBlocks }, (_, block) => {
      const at = (head * mask.queryBlocks + block) * mask.keyBlocks;
      return Array.from(bytes.subarray(at, at + mask.keyBlocks).entries()).flatMap(([page, visited]) => (visited === 1 ? [page] : []));
    }),
  );
}

describe("the mode pages", () => {
  test("a bound is never below q · k of any key of its page, and pages are chosen by the largest bounds", () => {
    const tokens = 300;
    const [keys, query] = [randomFloats(tokens * numKeyValueHeads * headDim, 1), randomFloats(numKeyValueHeads * group * headDim, 2)];
    using cache = filledCache(backend, keys, keys, { numKeyValueHeads, headDim });
    using bounds = boundedPages(cache, 16, [0, 1]);
    const limits = bounds.rows.toFloat32();
    const bound = (head: number, page: number, member: number): number => {
      const row = Math.floor((cache.heads[head]!.firstSlot + page * 16) / 16) * 2 * headDim;
      return Array.from({ length: headDim }, (_, i) => {
        const q = query[(head * group + member) * headDim + i]!;
        return Math.max(q * limits[row + i]!, q * limits[row + headDim + i]!);
      }).reduce((sum, value) => sum + value, 0);
    };
    for (let head = 0; head < numKeyValueHeads; head++) {
      const best = Array.from({ length: 18 }, (_, page) => Math.max(bound(head, page, 0), bound(head, page, 1)));
      for (let page = 0; page < 18; page++) {
        for (let token = page * 16; token < (page + 1) * 16; token++) {
          for (let member = 0; member < group; member++) {
            const dot = Array.from({ length: headDim }, (_, i) => query[(head * group + member) * headDim + i]! * keys[(token * numKeyValueHeads + head) * headDim + i]!).reduce((sum, value) => sum + value, 0);
            expect(dot).toBeLessThanOrEqual(bound(head, page, member) + 1e-6);
          }
        }
      }
      // Sink page 0, window pages 17 and 18, and two of the pages between.
      const two = best.map((score, page) => ({ score, page })).slice(1, 17).sort((a, b) => b.score - a.score).slice(0, 2);
      const expected = [0, ...two.map(({ page }) => page), 17, 18].sort((a, b) => a - b);
      for (const member of [0, 1]) expect(chosen(keys, query, pages())[head * group + member]).toEqual([expected]);
    }
  });

  test("of pages with equal bounds the lower ones are chosen", () => {
    const keys = new Float32Array(320 * numKeyValueHeads * headDim).fill(1);
    const query = new Float32Array(numKeyValueHeads * group * headDim).fill(0.5);
    expect(chosen(keys, query, pages())[3]).toEqual([[0, 1, 2, 18, 19]]);
  });

  test("a page with a key that is not a number is chosen before all others", () => {
    const keys = randomFloats(320 * numKeyValueHeads * headDim, 3);
    const query = randomFloats(numKeyValueHeads * group * headDim, 4);
    keys[(9 * 16 + 5) * numKeyValueHeads * headDim + 2] = NaN;
    for (const head of [0, 1]) expect(chosen(keys, query, pages({ budget: 16 }))[head]).toEqual([[0, 9, 18, 19]]);
    expect(chosen(keys, query, pages({ budget: 16 }))[2]![0]).toHaveLength(4);
  });

  test.each([
    [{ budget: 32 }, 320, 2],
    [{ budget: 17 }, 320, 2],
    [{ budget: 0.1 }, 320, 2],
    [{ budget: 0.101 }, 320, 3],
    [{ budget: 1 }, 320, 17],
    [{ budget: 100_000 }, 320, 17],
    [{ budget: 64, pageTokens: 64, sinkTokens: 1, localTokens: 1 }, 320, 1],
    [{ budget: 32 }, 40, 0],
  ] as const)("%o chooses, of %i tokens, %i pages besides sink and window", (settings, tokens, count) => {
    const mode = pages(settings);
    const query = randomFloats(numKeyValueHeads * group * headDim, 4);
    const fixed = Math.min(Math.ceil(tokens / mode.pageTokens), Math.ceil(mode.sinkTokens / mode.pageTokens) + Math.ceil(mode.localTokens / mode.pageTokens));
    expect(chosen(randomFloats(tokens * numKeyValueHeads * headDim, 3), query, mode)[0]![0]).toHaveLength(fixed + count);
  });

  test("the rows of a page of positions choose together, and each page of positions for itself", () => {
    const [keys, query] = [randomFloats(320 * numKeyValueHeads * headDim, 5), randomFloats(20 * numKeyValueHeads * group * headDim, 6)];
    const rows = chosen(keys, query, pages());
    for (const blocks of rows) expect(blocks.map((read) => [read[0], read.at(-1), read.length])).toEqual([[0, 18, 5], [0, 19, 5]]);
    expect(rows[0]).toEqual(rows[1]);
    expect(rows[0]).not.toEqual(rows[2]);
  });

  test.each([
    [{ budget: 0 }, /budget must be a share/],
    [{ budget: -1 }, /budget must be a share/],
    [{ budget: 15 }, /at least a page \(16\)/],
    [{ budget: 20.5 }, /budget must be a share/],
    [{ budget: NaN }, /budget must be a share/],
    [{ pageTokens: 24 }, /pageTokens must be one of 16, 32, 64/],
    [{ sinkTokens: 0 }, /sinkTokens must be a whole number above 0/],
    [{ promptRows: 0 }, /promptRows must be a whole number above 0/],
    [{ promptRows: 8, denseRows: 8 }, /both say what the end/],
    [{ denseRows: 1.5 }, /denseRows must be a whole number above 0/],
  ] as const)("refuses %o by name", (settings, message) => {
    expect(() => validateMode(pages(settings))).toThrow(message);
  });

  test("a head that has dropped keys cannot choose", () => {
    using cache = filledCache(backend, randomFloats(64 * numKeyValueHeads * headDim, 1), randomFloats(64 * numKeyValueHeads * headDim, 1), { numKeyValueHeads, headDim });
    using bounds = boundedPages(cache, 16, [0]);
    using query = floats(backend, randomFloats(numKeyValueHeads * group * headDim, 2), [1, numKeyValueHeads * group, headDim]);
    const ring = { ...cache, heads: cache.heads.map((store) => ({ ...store, type: "sink-ring", sinkTokens: 16, ringTokens: 16 }) as const) };
    const call = { query, bounds, keyValueHeads: [0], choice: { sinkBlocks: 1, localBlocks: 1, budgetPages: 1, budgetParts: 0 } };
    expect(() => backend.kernels.run(selectPages, { ...call, cache: ring })).toThrow(/already dropped keys/);
  });
});

describe.each(["tensors of its own", "pages of a pool"] as const)("decoding by pages from a cache in %s", (memory) => {
  const mode = pages({ budget: 48 });
  const modes = [mode, { kind: "full" } as const];

  /** Appends tokens one by one and compares each step with attention over the pages that the reference chooses from all keys. */
  function expectStepsAsChosenAnew(interfere: (cache: SequenceCache, step: number) => SequenceCache): void {
    const pool = memory === "pages of a pool" ? new PagePool({ backend, headDim, dtype: "f32" }) : undefined;
    let cache = new SequenceCache({ backend, numLayers: 1, numKeyValueHeads, headDim, dtype: "f32", ...(pool === undefined ? {} : { pool }) });
    const [prompt, steps] = [150, 40];
    const keys = randomFloats((prompt + steps) * numKeyValueHeads * headDim, 11);
    const width = numKeyValueHeads * headDim;
    const append = (start: number, end: number): void => {
      using added = floats(backend, keys.subarray(start * width, end * width), [end - start, numKeyValueHeads, headDim]);
      cache.append(0, added, added);
      if (start === 0) cache.settle(0, modes);
      cache.advance(end - start);
    };
    append(0, prompt);
    for (let step = 0; step < steps; step++) {
      cache = interfere(cache, step);
      append(prompt + step, prompt + step + 1);
      using query = floats(backend, randomFloats(width * group, 100 + step), [1, numKeyValueHeads * group, headDim]);
      using routed = stepPatterns(cache, 0, cache.layer(0), query, { scale: 1 });
      using whole = filledCache(backend, keys.subarray(0, (prompt + step + 1) * width), keys.subarray(0, (prompt + step + 1) * width), { numKeyValueHeads, headDim });
      using mask = attentionModeDefinition(mode).select!({ mode, layer: 0, query, cache: whole, keyValueHeads: [0], scale: 1 });
      using actual = poisoned(backend, query.shape);
      using expected = poisoned(backend, query.shape);
      backend.kernels.run(hybridAttention, { query, output: actual, sequences: [{ start: 0, length: 1, cache: routed.cache, routing: routed.routing }], scale: 1 });
      const routing = knownPatterns([{ type: "selected", blockSize: 16 }, { type: "full" }], mask);
      backend.kernels.run(hybridAttention, { query, output: expected, sequences: [{ start: 0, length: 1, cache: whole, routing }], scale: 1 });
      expect(actual.toFloat32()).toEqual(expected.toFloat32());
    }
    cache.dispose();
    pool?.[Symbol.dispose]();
    expect(backend.memory().liveAllocations).toBe(0);
  }

  test("reads what choosing from all keys anew would read", () => {
    expectStepsAsChosenAnew((cache) => cache);
  });

  test("does so after a fork, and after a step that failed", () => {
    expectStepsAsChosenAnew((cache, step) => {
      if (step === 25) {
        cache.undoStep(cache.length);
        return cache;
      }
      if (step % 11 !== 5) return cache;
      const copy = cache.fork();
      cache.dispose();
      return copy;
    });
  });
});
