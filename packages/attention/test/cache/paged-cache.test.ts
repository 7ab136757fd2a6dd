import { OutOfMemoryError } from "@elastic-attention/core";
import { seededRandom } from "@elastic-attention/fixtures";
import { type DType, ReferenceBackend, type Tensor } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { type AttentionMode, cacheGather, DecodeBatch, hybridAttention, PagePool, SequenceCache } from "../../src/index.js";
import { floats, poisoned } from "../filled-cache.js";

const [numKeyValueHeads, headDim] = [4, 4];
/** Windows that are whole pages, smaller ones, and one whose blocks are no divisor of a page. */
const modes: readonly AttentionMode[] = [
  { kind: "full" },
  { kind: "streaming", sinkTokens: 128, localTokens: 256, blockSize: 128 },
  { kind: "streaming", sinkTokens: 4, localTokens: 40, blockSize: 8 },
  { kind: "streaming", sinkTokens: 96, localTokens: 192, blockSize: 96 },
];

/** Fails its k-th allocation. */
class FailingBackend extends ReferenceBackend {
  failAt = Infinity;
  allocations = 0;

  override allocate(shape: readonly number[], dtype: DType): Tensor {
    if (++this.allocations === this.failAt) throw new OutOfMemoryError("failing", 1, 0, 0);
    return super.allocate(shape, dtype);
  }
}

function newCache(backend: ReferenceBackend, pool?: PagePool, numLayers = 1): SequenceCache {
  return new SequenceCache({ backend, numLayers, numKeyValueHeads, headDim, dtype: "f32", ...(pool === undefined ? {} : { pool }) });
}

/** Appends tokens, attends with them, settles; the outputs. */
function turn(cache: SequenceCache, backend: ReferenceBackend, tokens: number, random: () => number): Float32Array {
  const numbers = (heads: number) => Float32Array.from({ length: tokens * heads * headDim }, () => random() * 2 - 1);
  const [keyNumbers, valueNumbers, queryNumbers] = [numbers(numKeyValueHeads), numbers(numKeyValueHeads), numbers(8)];
  using keys = floats(backend, keyNumbers, [tokens, numKeyValueHeads, headDim]);
  using values = floats(backend, valueNumbers, [tokens, numKeyValueHeads, headDim]);
  using query = floats(backend, queryNumbers, [tokens, 8, headDim]);
  using output = poisoned(backend, query.shape);
  cache.append(0, keys, values);
  const sequence = { start: 0, length: tokens, cache: cache.layer(0), routing: cache.decodePatterns(0) };
  backend.kernels.run(hybridAttention, { query, output, sequences: [sequence], scale: 0.5 });
  cache.settle(0, modes);
  cache.advance(tokens);
  return output.toFloat32();
}

describe("a cache in pages", () => {
  test.each([
    [300, 1, 1, 200, 1],
    [128, 1, 127, 1, 1, 300, 5],
    [1, 1, 1, 700, 1],
    [640, 130, 1, 1],
    [389, 517, 3, 1, 255],
  ])("gives the outputs of a contiguous one, appends %i, %i, %i, …", (...appends) => {
    using backend = new ReferenceBackend();
    {
      using pool = new PagePool({ backend, headDim, dtype: "f32" });
      const caches = [newCache(backend, pool), newCache(backend)];
      for (const [index, tokens] of appends.entries()) {
        const [paged, contiguous] = caches.map((cache) => turn(cache, backend, tokens, seededRandom(index)));
        expect(paged).toEqual(contiguous);
      }
      expect(caches[0]!.fullByteLength).toBe(caches[1]!.fullByteLength);
      for (const cache of caches) cache.dispose();
      expect(pool.report()).toEqual({ pagesInUse: 0, pagesAllocated: 0, bytesInUse: 0 });
    }
    expect(backend.memory().liveAllocations).toBe(0);
  });

  test("has all places that a head's store speaks of in the page table, also of windows that are not full yet", () => {
    using backend = new ReferenceBackend();
    using pool = new PagePool({ backend, headDim, dtype: "f32" });
    const window: AttentionMode = { kind: "streaming", sinkTokens: 128, localTokens: 512, blockSize: 128 };
    const [tokens, count] = [10, 70];
    using keys = floats(backend, new Float32Array(tokens * numKeyValueHeads * headDim), [tokens, numKeyValueHeads, headDim]);
    // As many as fill a table with what they have pages for.
    const caches = Array.from({ length: count }, () => newCache(backend, pool));
    for (const cache of caches) {
      cache.append(0, keys, keys);
      cache.settle(0, Array.from({ length: numKeyValueHeads }, () => window));
      cache.advance(tokens);
      cache.makeRoom(1);
      for (const { firstSlot, numSlots } of cache.layer(0).heads) expect(firstSlot + numSlots).toBeLessThanOrEqual(pool.entries.shape[0]! * pool.pageTokens);
    }
    for (const cache of caches) cache.dispose();
  });

  test("that forgets its tokens and is filled again is told anew to the tables of a decode step", () => {
    using backend = new ReferenceBackend();
    using pool = new PagePool({ backend, headDim, dtype: "f32" });
    using cache = newCache(backend, pool);
    const newBatch = () => new DecodeBatch({ backend, pool, slots: 1, numLayers: 1, numKeyValueHeads, planBytes: 1 });
    using batch = newBatch();
    turn(cache, backend, 200, seededRandom(1));
    batch.update([{ tokens: [0], cache }]);
    const before = batch.heads.download();
    cache.forgetTokens();
    // Another sequence takes the place that the tokens had.
    using other = newCache(backend, pool);
    turn(other, backend, 130, seededRandom(2));
    turn(cache, backend, 200, seededRandom(1));
    batch.update([{ tokens: [0], cache }]);
    using fresh = newBatch();
    fresh.update([{ tokens: [0], cache }]);
    expect(fresh.heads.download()).not.toEqual(before);
    expect(batch.heads.download()).toEqual(fresh.heads.download());
  });

  test.each([true, false])("a fork goes on from the same tokens by itself, in pages: %s", (isPaged) => {
    using backend = new ReferenceBackend();
    {
      using pool = new PagePool({ backend, headDim, dtype: "f32" });
      const make = () => newCache(backend, isPaged ? pool : undefined);
      for (const tokens of [1, 389]) {
        using first = make();
        using untouched = make();
        for (const cache of [first, untouched]) turn(cache, backend, tokens, seededRandom(1));
        using fork = first.fork();
        expect([fork.length, fork.byteLength, fork.modes(0)]).toEqual([first.length, first.byteLength, first.modes(0)]);
        // What one writes the other does not see.
        for (let step = 0; step < 3; step++) {
          const expected = turn(untouched, backend, 1 + 100 * step, seededRandom(5 + step));
          turn(first, backend, 1 + 100 * step, seededRandom(90 + step));
          expect(turn(fork, backend, 1 + 100 * step, seededRandom(5 + step))).toEqual(expected);
        }
      }
      expect(pool.report().pagesInUse).toBe(0);
    }
    expect(backend.memory().liveAllocations).toBe(0);
  });

  test("a fork that lacks memory leaves nothing", () => {
    using backend = new FailingBackend();
    using cache = newCache(backend, undefined, 2);
    using rows = poisoned(backend, [300, numKeyValueHeads, headDim]);
    for (const layer of [0, 1]) cache.append(layer, rows, rows);
    const { liveAllocations, liveBytes } = backend.memory();
    let failures = 0;
    for (let place = 1; ; place++) {
      backend.failAt = backend.allocations + place;
      try {
        cache.fork().dispose();
        break;
      } catch (error) {
        expect(error).toBeInstanceOf(OutOfMemoryError);
        expect(backend.memory()).toMatchObject({ liveAllocations, liveBytes });
        failures += 1;
      }
    }
    // Keys and values of two layers, each emptied first.
    expect(failures).toBe(8);
  });

  test("full heads keep whole pages, rings sink and window, however long the sequence is", () => {
    using backend = new ReferenceBackend();
    using pool = new PagePool({ backend, headDim, dtype: "f32" });
    using cache = newCache(backend, pool);
    turn(cache, backend, 1000, seededRandom(1));
    // 8 pages; 1 + 2, 1 + 1 and 1 + 2 pages.
    expect(pool.report().pagesInUse).toBe(8 + 3 + 2 + 3);
    expect(cache.byteLength).toBe(16 * pool.pageBytes);
    expect(pool.report().bytesInUse).toBe(cache.byteLength);
    for (let i = 0; i < 30; i++) turn(cache, backend, 1, seededRandom(i));
    expect(pool.report().pagesInUse).toBe(9 + 8);
  });

  test("gathers back what was appended", () => {
    using backend = new ReferenceBackend();
    using pool = new PagePool({ backend, headDim, dtype: "f32" });
    using cache = newCache(backend, pool);
    using keys = floats(backend, Float32Array.from({ length: 300 * 16 }, (_, i) => i), [300, numKeyValueHeads, headDim]);
    cache.append(0, keys, keys);
    using gathered = poisoned(backend, keys.shape);
    backend.kernels.run(cacheGather, { cache: cache.layer(0), keys: gathered });
    expect(gathered.toFloat32()).toEqual(keys.toFloat32());
  });

  test("1 000 random operations on many sequences leave no page, and none is in two caches", () => {
    using backend = new ReferenceBackend();
    {
      using pool = new PagePool({ backend, headDim, dtype: "f32" });
      const random = seededRandom(11);
      const caches: { cache: SequenceCache; settled: boolean }[] = [];
      using rows = poisoned(backend, [600, numKeyValueHeads, headDim]);
      for (let operation = 0; operation < 1000; operation++) {
        const chosen = caches[Math.floor(random() * caches.length)];
        const what = random();
        if (chosen === undefined || what < 0.1) {
          caches.push({ cache: newCache(backend, pool), settled: false });
        } else if (what < 0.2) {
          chosen.cache.dispose();
          caches.splice(caches.indexOf(chosen), 1);
        } else {
          const tokens = what < 0.3 ? 1 + Math.floor(random() * 600) : 1;
          chosen.cache.append(0, rows.rows(0, tokens), rows.rows(0, tokens));
          if (random() < 0.7) chosen.cache.settle(0, modes.map((_, head) => modes[(head + operation) % modes.length]!));
        }
        const bytes = caches.reduce((sum, { cache }) => sum + cache.byteLength, 0);
        expect(pool.report().bytesInUse).toBe(bytes);
      }
      for (const { cache } of caches) cache.dispose();
      expect(pool.report()).toEqual({ pagesInUse: 0, pagesAllocated: 0, bytesInUse: 0 });
    }
    expect(backend.memory().liveAllocations).toBe(0);
  });

  test("an allocation that fails, at every place, leaves the cache as it was and the next try works", () => {
    for (let failAt = 1; ; failAt++) {
      using backend = new FailingBackend();
      using pool = new PagePool({ backend, headDim, dtype: "f32" });
      using other = newCache(backend, pool);
      using rows = poisoned(backend, [500, numKeyValueHeads, headDim]);
      other.append(0, rows.rows(0, 1), rows.rows(0, 1));
      using cache = newCache(backend, pool);
      const before = pool.report().pagesInUse;
      backend.failAt = backend.allocations + failAt;
      const steps = [
        () => cache.append(0, rows.rows(0, 200), rows.rows(0, 200)),
        () => cache.settle(0, modes),
        () => cache.append(0, rows, rows),
        () => cache.makeRoom(4000),
      ];
      let failures = 0;
      for (const step of steps) {
        const [pages, bytes] = [pool.report().pagesInUse, cache.byteLength];
        try {
          step();
        } catch (error) {
          expect(error).toBeInstanceOf(OutOfMemoryError);
          expect([pool.report().pagesInUse, cache.byteLength]).toEqual([pages, bytes]);
          failures += 1;
          step();
        }
      }
      cache.dispose();
      expect(pool.report().pagesInUse).toBe(before);
      if (failures === 0) break;
    }
  });

  test("where spare pages have no room, or keys found the last of it, the pool serves what it has", () => {
    using backend = new ReferenceBackend();
    using pool = new PagePool({ backend, headDim, dtype: "f32" });
    using contiguous = newCache(backend);
    using cache = newCache(backend, pool);
    const both = () => {
      const [paged, expected] = [cache, contiguous].map((each) => turn(each, backend, 100, seededRandom(1)));
      expect(paged).toEqual(expected);
    };
    both();
    const { liveBytes } = backend.memory();
    const refused = Array.from({ length: 60 }, (_, step) => {
      backend.setMemoryLimit(liveBytes + step * 2048);
      let pages: ArrayLike<number> = [];
      try {
        pages = pool.takePages(8);
      } catch (error) {
        expect(error).toBeInstanceOf(OutOfMemoryError);
      }
      backend.setMemoryLimit(undefined);
      expect(pool.values.shape).toEqual(pool.keys.shape);
      pool.freePages(pages);
      return pages.length === 0;
    });
    expect(refused.slice(0, 2)).toEqual([true, true]);
    expect(refused.at(-1)).toBe(false);
    both();
  });

  test("a pool that is full says so, and serves again when pages come back", () => {
    using backend = new ReferenceBackend();
    using pool = new PagePool({ backend, headDim, dtype: "f32", maximumPages: 10 });
    using first = newCache(backend, pool);
    using second = newCache(backend, pool);
    using rows = poisoned(backend, [256, numKeyValueHeads, headDim]);
    first.append(0, rows, rows);
    expect(() => second.append(0, rows, rows)).toThrow(OutOfMemoryError);
    expect(pool.report().pagesInUse).toBe(8);
    first.dispose();
    second.append(0, rows, rows);
    expect(pool.report().pagesInUse).toBe(8);
  });
});

test("pages hold 128 tokens times a power of two", () => {
  using backend = new ReferenceBackend();
  for (const pageTokens of [0, 64, 129, 384, NaN]) {
    expect(() => new PagePool({ backend, headDim, dtype: "f32", pageTokens })).toThrow(/power of two/);
  }
});
