import { seededRandom } from "@elastic-attention/fixtures";
import { ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { type AttentionMode, hybridAttention, PagePool, SequenceCache, type SequenceCacheOptions } from "../../src/index.js";
import { floats, poisoned } from "../filled-cache.js";

const [numLayers, numKeyValueHeads, headDim] = [2, 4, 4];
/** Windows that are whole pages, smaller ones, and one whose blocks are no divisor of a page. */
const streaming: readonly AttentionMode[] = [
  { kind: "full" },
  { kind: "streaming", sinkTokens: 128, localTokens: 256, blockSize: 128 },
  { kind: "streaming", sinkTokens: 4, localTokens: 40, blockSize: 8 },
  { kind: "streaming", sinkTokens: 96, localTokens: 192, blockSize: 96 },
];
const full: readonly AttentionMode[] = streaming.map(() => ({ kind: "full" }));

interface Fixture {
  readonly backend: ReferenceBackend;
  readonly pool: PagePool;
  readonly options: SequenceCacheOptions;
}

function withPool(work: (fixture: Fixture) => void): void {
  using backend = new ReferenceBackend();
  {
    using pool = new PagePool({ backend, headDim, dtype: "f32" });
    work({ backend, pool, options: { backend, numLayers, numKeyValueHeads, headDim, dtype: "f32", pool } });
    expect(pool.report().pagesInUse).toBe(0);
  }
  expect(backend.memory().liveAllocations).toBe(0);
}

/** Appends tokens to every layer, attends with them, settles; the outputs. */
function turn(cache: SequenceCache, backend: ReferenceBackend, tokens: number, seed: number, modes: readonly AttentionMode[]): number[] {
  const random = seededRandom(seed);
  const outputs: number[] = [];
  for (let layer = 0; layer < numLayers; layer++) {
    const numbers = (heads: number) => Float32Array.from({ length: tokens * heads * headDim }, () => random() * 2 - 1);
    const [keyNumbers, valueNumbers, queryNumbers] = [numbers(numKeyValueHeads), numbers(numKeyValueHeads), numbers(numKeyValueHeads)];
    using keys = floats(backend, keyNumbers, [tokens, numKeyValueHeads, headDim]);
    using values = floats(backend, valueNumbers, [tokens, numKeyValueHeads, headDim]);
    using query = floats(backend, queryNumbers, [tokens, numKeyValueHeads, headDim]);
    using output = poisoned(backend, query.shape);
    cache.append(layer, keys, values);
    const sequence = { start: 0, length: tokens, cache: cache.layer(layer), routing: cache.decodePatterns(layer) };
    backend.kernels.run(hybridAttention, { query, output, sequences: [sequence], scale: 0.5 });
    cache.settle(layer, modes);
    outputs.push(...output.toFloat32());
  }
  cache.advance(tokens);
  return outputs;
}

describe.each([["full heads", full], ["streaming heads beside a full one", streaming]])("a snapshot of %s", (_, modes) => {
  test.each([[300, 5], [256, 1], [270, 140]])(
    "lets several sequences go on from %i tokens by %i and more, each as one that shares nothing",
    (first, more) => {
      withPool(({ backend, options }) => {
        using original = new SequenceCache(options);
        turn(original, backend, first, 1, modes);
        using snapshot = original.snapshot()!;
        const alone = (seeds: readonly number[]) => {
          using cache = new SequenceCache(options);
          turn(cache, backend, first, 1, modes);
          return seeds.map((seed, index) => turn(cache, backend, index === 0 ? more : 1, seed, modes));
        };
        const branches = [[2, 3, 4], [5, 6, 7], [2, 8, 9]] as const;
        const caches = branches.map(() => SequenceCache.resume(options, { snapshot }));
        // By turns, so that one that wrote to another's pages would be found out.
        const outputs = [0, 1, 2].map((step) => caches.map((cache, branch) => turn(cache, backend, step === 0 ? more : 1, branches[branch]![step]!, modes)));
        const own = [2, 3, 4].map((seed, index) => turn(original, backend, index === 0 ? more : 1, seed, modes));
        for (const [branch, seeds] of branches.entries()) expect(outputs.map((step) => step[branch])).toEqual(alone(seeds));
        expect(own).toEqual(alone(branches[0]));
        for (const cache of caches) cache.dispose();
        // The snapshot is as it was, whoever has gone on from it.
        using last = SequenceCache.resume(options, { snapshot });
        expect([turn(last, backend, more, 5, modes)]).toEqual(alone([5]));
      });
    },
  );

  test("takes no memory for what the sequence holds, and one page of each head for a sequence that goes on within a page", () => {
    withPool(({ backend, pool, options }) => {
      using original = new SequenceCache(options);
      turn(original, backend, 500, 1, modes);
      const before = pool.report().pagesInUse;
      using snapshot = original.snapshot()!;
      using other = SequenceCache.resume(options, { snapshot });
      expect(pool.report().pagesInUse).toBe(before);
      expect(other.byteLength).toBe(original.byteLength);
      turn(other, backend, 1, 2, modes);
      expect(pool.report().pagesInUse).toBe(before + numLayers * numKeyValueHeads);
    });
  });

  test.each<[number, number[]]>([[600, [128, 512]], [517, [384]]])("of %i tokens is also taken on the way, at %j", (tokens, lengths) => {
    withPool(({ backend, options }) => {
      using original = new SequenceCache(options);
      original.requestCheckpoints(lengths);
      turn(original, backend, tokens, 1, modes);
      const taken = original.takeCheckpoints();
      expect(taken.map(({ length }) => length)).toEqual(lengths);
      for (const snapshot of taken) {
        using cache = SequenceCache.resume(options, { snapshot });
        // The same tokens up to there, settled there.
        const random = seededRandom(1);
        using settled = new SequenceCache(options);
        for (let layer = 0; layer < numLayers; layer++) {
          const numbers = (heads: number) => Float32Array.from({ length: tokens * heads * headDim }, () => random() * 2 - 1);
          const [keyNumbers, valueNumbers] = [numbers(numKeyValueHeads), numbers(numKeyValueHeads)];
          numbers(numKeyValueHeads);
          using keys = floats(backend, keyNumbers, [tokens, numKeyValueHeads, headDim]);
          using values = floats(backend, valueNumbers, [tokens, numKeyValueHeads, headDim]);
          settled.append(layer, keys.rows(0, snapshot.length), values.rows(0, snapshot.length));
          settled.settle(layer, modes);
        }
        settled.advance(snapshot.length);
        for (const [step, more] of [77, 1].entries()) {
          expect(turn(cache, backend, more, 20 + step, modes)).toEqual(turn(settled, backend, more, 20 + step, modes));
        }
        snapshot[Symbol.dispose]();
      }
    });
  });

  test("taken on the way of a later turn is the same", () => {
    withPool(({ backend, options }) => {
      using original = new SequenceCache(options);
      turn(original, backend, 300, 1, modes);
      original.requestCheckpoints([384, 640]);
      turn(original, backend, 500, 2, modes);
      const taken = original.takeCheckpoints();
      expect(taken.map(({ length }) => length)).toEqual([384, 640]);
      for (const snapshot of taken) snapshot[Symbol.dispose]();
    });
  });
});

describe("a snapshot", () => {
  test("whose heads hold everything can be resumed at any shorter length, under another plan", () => {
    withPool(({ backend, options }) => {
      using original = new SequenceCache(options);
      turn(original, backend, 500, 1, full);
      using snapshot = original.snapshot()!;
      expect(snapshot.isWhole).toBe(true);
      using shorter = SequenceCache.resume(options, { snapshot, length: 256, keepModes: false });
      expect(shorter.modes(0)).toBeUndefined();
      turn(shorter, backend, 40, 2, streaming);
      expect(shorter.modes(0)).toEqual(streaming);
      expect(shorter.length).toBe(296);
    });
  });

  test("of streaming heads can be resumed at its own length only, and of another model not at all", () => {
    withPool(({ backend, options }) => {
      using original = new SequenceCache(options);
      turn(original, backend, 500, 1, streaming);
      using snapshot = original.snapshot()!;
      expect(snapshot.isWhole).toBe(false);
      expect(() => SequenceCache.resume(options, { snapshot, length: 256 })).toThrow(/cannot be resumed at 256/);
      expect(() => SequenceCache.resume({ ...options, numLayers: 3 }, { snapshot })).toThrow(/another model/);
    });
  });

  test("outlives its cache, and checkpoints that nobody takes go with it", () => {
    withPool(({ backend, pool, options }) => {
      const original = new SequenceCache(options);
      original.requestCheckpoints([128]);
      turn(original, backend, 300, 1, streaming);
      const snapshot = original.snapshot()!;
      original.dispose();
      expect(pool.report().pagesInUse).toBe(snapshot.byteLength / pool.pageBytes);
      snapshot[Symbol.dispose]();
      snapshot[Symbol.dispose]();
      expect(pool.report().pagesInUse).toBe(0);
    });
  });
});
