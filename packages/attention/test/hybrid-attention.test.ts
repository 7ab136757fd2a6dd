import { ShapeError } from "@elastic-attention/core";
import { randomFloats, seededRandom } from "@elastic-attention/fixtures";
import { type FloatDType, ReferenceBackend } from "@elastic-attention/tensor";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type AttentionSequence, type BlockMask, blockMaskFromHost, type BlockPattern, hybridAttention, knownPatterns } from "../src/index.js";
import { denseAttention, largestDifference } from "./dense-attention.js";
import { filledCache, floats, poisoned } from "./filled-cache.js";

const backend = new ReferenceBackend();
const doubleBackend = new ReferenceBackend({ precision: "f64" });
const full: BlockPattern = { type: "full" };
const streaming = (sinkBlocks: number, localBlocks: number, blockSize: number): BlockPattern => ({
  type: "streaming",
  sinkBlocks,
  localBlocks,
  blockSize,
});

const sliding = (windowTokens: number): BlockPattern => ({ type: "sliding", windowTokens });

interface Case {
  readonly seed: number;
  /** (queries, keys) of each sequence. */
  readonly lengths: readonly (readonly [number, number])[];
  readonly numKeyValueHeads: number;
  readonly group: number;
  readonly headDim: number;
  /** One for each key-value head, the same in every sequence. */
  readonly patterns: readonly BlockPattern[];
  readonly magnitude?: number;
  readonly dtype?: FloatDType;
  readonly softCap?: number;
  /** One for each query head. */
  readonly sinkLogits?: readonly number[];
  readonly scale?: number;
  readonly on?: ReferenceBackend;
}

/** The explicit mask of a pattern for one (position, key), from its definition. */
function sees(pattern: BlockPattern, chosen: (head: number, row: number, column: number) => boolean) {
  return (head: number, position: number, key: number): boolean => {
    if (pattern.type === "full" || pattern.type === "threshold") return true;
    if (pattern.type === "sliding") return key > position - pattern.windowTokens;
    const [row, column] = [Math.floor(position / pattern.blockSize), Math.floor(key / pattern.blockSize)];
    if (pattern.type === "selected") return chosen(head, row, column);
    return column < pattern.sinkBlocks || column > row - pattern.localBlocks;
  };
}

/** Runs the kernel on poisoned outputs and the oracle; returns the largest differences. */
function compare(options: Case): { output: number; logSumExp: number } {
  const { seed, lengths, numKeyValueHeads, group, headDim, patterns, magnitude = 1, dtype = "f32", on = backend } = options;
  const numQueryHeads = numKeyValueHeads * group;
  const { scale = headDim ** -0.5, softCap, sinkLogits } = options;
  const total = lengths.reduce((sum, [queries]) => sum + queries, 0);
  const round = (values: Float32Array, shape: number[]): Float32Array => {
    using tensor = floats(backend, values, shape, dtype);
    return tensor.toFloat32();
  };
  const query = round(randomFloats(seed, total * numQueryHeads * headDim, magnitude), [total, numQueryHeads, headDim]);
  const expectedOutput: number[] = [];
  const expectedLse: number[] = [];
  const sequences: AttentionSequence[] = [];
  const owned: Disposable[] = [];
  const random = seededRandom(seed + 99);
  let start = 0;
  for (const [index, [queries, keys]] of lengths.entries()) {
    const kv = ["keys", "values"].map((_, which) =>
      round(randomFloats(seed + 10 * index + which + 1, keys * numKeyValueHeads * headDim, which === 0 ? magnitude : 1), [keys, numKeyValueHeads, headDim]),
    );
    const cache = filledCache(on, kv[0]!, kv[1]!, { numKeyValueHeads, headDim, dtype, spareSlots: 3 });
    owned.push(cache);
    const selected = patterns.find((pattern) => pattern.type === "selected");
    let mask: BlockMask | undefined;
    let chosen: (head: number, row: number, column: number) => boolean = () => false;
    if (selected?.type === "selected") {
      const keyBlocks = Math.ceil(keys / selected.blockSize);
      const queryBlocks = keyBlocks - Math.floor((keys - queries) / selected.blockSize);
      const bytes = Uint8Array.from({ length: numQueryHeads * queryBlocks * keyBlocks }, () => (random() < 0.5 ? 1 : 0));
      mask = blockMaskFromHost(on, bytes, { blockSize: selected.blockSize, numQueryHeads, keyBlocks });
      owned.push(mask);
      const firstRow = keyBlocks - queryBlocks;
      chosen = (head, row, column) => bytes[(head * queryBlocks + row - firstRow) * keyBlocks + column] === 1;
    }
    const slice = query.subarray(start * numQueryHeads * headDim, (start + queries) * numQueryHeads * headDim);
    const expected = denseAttention({
      query: slice, keys: kv[0]!, values: kv[1]!, numQueries: queries, numKeys: keys, numQueryHeads, numKeyValueHeads, headDim, scale, softCap, sinkLogits,
      sees: (head, position, key) => sees(patterns[Math.floor(head / group)]!, chosen)(head, position, key),
    });
    for (const value of expected.output) expectedOutput.push(value);
    for (const value of expected.logSumExp) expectedLse.push(value);
    sequences.push({ start, length: queries, cache, routing: knownPatterns(patterns, mask) });
    start += queries;
  }
  using queryTensor = floats(on, query, [total, numQueryHeads, headDim], dtype);
  using output = poisoned(on, [total, numQueryHeads, headDim]);
  using logSumExp = poisoned(on, [total, numQueryHeads]);
  const sinks = sinkLogits === undefined ? undefined : floats(on, sinkLogits, [numQueryHeads]);
  if (sinks !== undefined) owned.push(sinks);
  on.kernels.run(hybridAttention, { query: queryTensor, output, sequences, scale, softCap, sinkLogits: sinks, logSumExp });
  const result = {
    output: largestDifference(output.toFloat32(), on === doubleBackend ? Float32Array.from(expectedOutput) : expectedOutput),
    logSumExp: largestDifference(logSumExp.toFloat32(), on === doubleBackend ? Float32Array.from(expectedLse) : expectedLse),
  };
  for (const resource of owned) resource[Symbol.dispose]();
  return result;
}

function expectClose(options: Case, tolerance = 1e-6): void {
  const { output, logSumExp } = compare(options);
  expect(output).toBeLessThanOrEqual(tolerance);
  expect(logSumExp).toBeLessThanOrEqual(tolerance * 8 * Math.max(1, (options.magnitude ?? 1) ** 2));
}

describe("hybrid attention against a dense float64 softmax", () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])("groups of %i query heads, all patterns mixed", (group) => {
    expectClose({ seed: group, lengths: [[37, 37]], numKeyValueHeads: 3, group, headDim: 32, patterns: [full, streaming(1, 2, 8), { type: "selected", blockSize: 8 }] });
  });

  test.each([32, 64, 96, 128])("head_dim %i", (headDim) => {
    expectClose({ seed: headDim, lengths: [[33, 33]], numKeyValueHeads: 2, group: 2, headDim, patterns: [streaming(1, 1, 16), full] });
  });

  test.each([[1, 1], [1, 147], [13, 44], [16, 48], [17, 48], [31, 64], [64, 64], [65, 65], [128, 128]] as const)(
    "%i queries at the end of %i keys",
    (queries, keys) => {
      for (const [index, pattern] of [full, streaming(1, 2, 16), { type: "selected", blockSize: 16 } as const].entries()) {
        expectClose({ seed: queries + keys + index, lengths: [[queries, keys]], numKeyValueHeads: 1, group: 2, headDim: 32, patterns: [pattern] });
      }
    },
  );

  test.each([80, 160, 256])("head_dim %i and a scale of its own", (headDim) => {
    expectClose({ seed: headDim, lengths: [[21, 21]], numKeyValueHeads: 2, group: 2, headDim, patterns: [streaming(1, 1, 8), full], scale: 0.011 });
  });

  test.each([1, 2, 16, 40, 50, 51, 1000])("sliding windows of %i tokens, of prompts, chunks and single tokens", (windowTokens) => {
    expectClose({ seed: windowTokens, lengths: [[50, 50], [13, 50], [1, 50]], numKeyValueHeads: 2, group: 2, headDim: 32, patterns: [sliding(windowTokens), full] });
  });

  test.each([0.01, 1, 50, 1e4])("scores capped at %d", (softCap) => {
    const patterns = [full, streaming(1, 2, 8), sliding(9), { type: "selected", blockSize: 8 } as const];
    expectClose({ seed: 6, lengths: [[29, 29], [3, 50]], numKeyValueHeads: 4, group: 2, headDim: 32, patterns, softCap, scale: 2 });
  });

  test("sinks below, among and far above the scores, and of no weight", () => {
    const patterns = [full, streaming(1, 2, 8), sliding(9), { type: "selected", blockSize: 8 } as const];
    const sinkLogits = [-90, -1, 0, 2.5, 40, 300, -Infinity, 1];
    expectClose({ seed: 7, lengths: [[29, 29], [3, 50]], numKeyValueHeads: 4, group: 2, headDim: 32, patterns, sinkLogits, softCap: 3, magnitude: 2 }, 4e-6);
  });

  test("a batch of sequences of different lengths and caches", () => {
    const patterns = [streaming(1, 2, 8), { type: "selected", blockSize: 8 } as const, full, streaming(2, 1, 4)];
    expectClose({ seed: 5, lengths: [[1, 1], [29, 29], [3, 50], [1, 64], [40, 41]], numKeyValueHeads: 4, group: 2, headDim: 32, patterns });
  });

  test.each([30, 300])("inputs of magnitude %i neither overflow nor lose the softmax", (magnitude) => {
    const { output, logSumExp } = compare({ seed: magnitude, lengths: [[24, 24]], numKeyValueHeads: 2, group: 1, headDim: 64, patterns: [full, streaming(1, 1, 8)], magnitude });
    expect(output).toBeLessThan(1e-6);
    // Log-sum-exp is as large as the largest score, about magnitude^2 * sqrt(headDim): float32 keeps 2^-24 of it.
    expect(logSumExp).toBeLessThanOrEqual(magnitude ** 2 * 8 * 2 ** -24);
  });

  test.each(["bf16", "f16"] as const)("%s inputs, float32 outputs", (dtype) => {
    expectClose({ seed: 7, lengths: [[20, 33]], numKeyValueHeads: 2, group: 3, headDim: 32, patterns: [full, streaming(1, 2, 4)], dtype });
  });

  test("float64 backend: equal after one rounding to float32", () => {
    const { output, logSumExp } = compare({ seed: 8, lengths: [[21, 40]], numKeyValueHeads: 2, group: 2, headDim: 32, patterns: [streaming(1, 2, 8), full], on: doubleBackend });
    expect(output).toBeLessThanOrEqual(2 ** -24);
    expect(logSumExp).toBeLessThanOrEqual(2 ** -21);
  });

  test("any shape, any patterns", () => {
    const pattern = fc.oneof(
      fc.constant(full),
      fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 1, max: 3 }), fc.constantFrom(1, 3, 8)).map(([s, w, b]) => streaming(s, w, b)),
      fc.constant<BlockPattern>({ type: "selected", blockSize: 5 }),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1000 }),
        fc.array(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 20 })), { minLength: 1, maxLength: 3 }),
        fc.array(pattern, { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 4 }),
        (seed, lengths, patterns, group) => {
          expectClose({ seed, lengths: lengths.map(([queries, before]) => [queries, queries + before] as const), numKeyValueHeads: patterns.length, group, headDim: 32, patterns });
        },
      ),
      { numRuns: 60, seed: 4 },
    );
  });
});

describe("hybrid attention", () => {
  const shape = { numKeyValueHeads: 1, headDim: 32 };

  test("a row that sees nothing gives zeros and an infinite log-sum-exp", () => {
    using cache = filledCache(backend, randomFloats(1, 8 * 32), randomFloats(2, 8 * 32), shape);
    using mask = blockMaskFromHost(backend, Uint8Array.from([0, 0, 1, 0]), { blockSize: 4, numQueryHeads: 1, keyBlocks: 2 });
    using query = floats(backend, randomFloats(3, 8 * 32), [8, 1, 32]);
    using output = poisoned(backend, [8, 1, 32]);
    using logSumExp = poisoned(backend, [8, 1]);
    backend.kernels.run(hybridAttention, {
      query, output, logSumExp, scale: 1, sequences: [{ start: 0, length: 8, cache, routing: knownPatterns([{ type: "selected", blockSize: 4 }], mask) }],
    });
    expect([...output.rows(0, 4).toFloat32()]).toEqual(Array.from({ length: 128 }, () => 0));
    expect([...logSumExp.rows(0, 4).toFloat32()]).toEqual([Infinity, Infinity, Infinity, Infinity]);
    for (const value of logSumExp.rows(4, 8).toFloat32()) expect(Number.isFinite(value)).toBe(true);
  });

  test("rows outside the sequences are left alone, blocks that are skipped are not read", () => {
    using cache = filledCache(backend, randomFloats(1, 12 * 32), randomFloats(2, 12 * 32), shape);
    // The middle block is skipped by sink 1, local 1 at the last position; poison it.
    for (const tensor of [cache.keys, cache.values]) backend.write(tensor.rows(4, 8), new Float32Array(4 * 32).fill(NaN));
    using query = floats(backend, randomFloats(3, 3 * 32), [3, 1, 32]);
    using output = poisoned(backend, [3, 1, 32]);
    backend.kernels.run(hybridAttention, { query, output, scale: 1, sequences: [{ start: 1, length: 1, cache, routing: knownPatterns([streaming(1, 1, 4)]) }] });
    expect(output.rows(0, 1).toFloat32().every(Number.isNaN)).toBe(true);
    expect(output.rows(1, 2).toFloat32().every(Number.isFinite)).toBe(true);
    expect(output.rows(2, 3).toFloat32().every(Number.isNaN)).toBe(true);
  });

  test("all heads streaming over a window longer than the sequence = full, bit for bit; a batch = each alone", () => {
    using cache = filledCache(backend, randomFloats(1, 50 * 64), randomFloats(2, 50 * 64), { numKeyValueHeads: 2, headDim: 32 });
    using query = floats(backend, randomFloats(3, 50 * 4 * 32), [50, 4, 32]);
    const run = (patterns: readonly BlockPattern[]): Uint8Array => {
      using output = poisoned(backend, query.shape);
      backend.kernels.run(hybridAttention, { query, output, scale: 0.2, sequences: [{ start: 0, length: 50, cache, routing: knownPatterns(patterns) }] });
      return output.download();
    };
    const dense = run([full, full]);
    expect(run([streaming(1, 13, 4), streaming(7, 1, 8)])).toEqual(dense);
    expect(run([streaming(1, 2, 4), full])).not.toEqual(dense);
  });

  test("two halves of the blocks merged by log-sum-exp = all blocks", () => {
    using cache = filledCache(backend, randomFloats(1, 32 * 32), randomFloats(2, 32 * 32), shape);
    using query = floats(backend, randomFloats(3, 8 * 32), [8, 1, 32]);
    const run = (pattern: BlockPattern, columns: readonly number[]) => {
      using mask = blockMaskFromHost(backend, Uint8Array.from(columns), { blockSize: 8, numQueryHeads: 1, keyBlocks: 4 });
      using output = poisoned(backend, query.shape);
      using logSumExp = poisoned(backend, [8, 1]);
      backend.kernels.run(hybridAttention, { query, output, logSumExp, scale: 0.3, sequences: [{ start: 0, length: 8, cache, routing: knownPatterns([pattern], mask) }] });
      return { output: output.toFloat32(), logSumExp: logSumExp.toFloat32() };
    };
    const selected: BlockPattern = { type: "selected", blockSize: 8 };
    const [first, second, whole] = [run(selected, [1, 0, 1, 0]), run(selected, [0, 1, 0, 1]), run(full, [0, 0, 0, 0])];
    const merged = whole.output.map((_, i) => {
      const row = Math.floor(i / 32);
      const weight = 1 / (1 + Math.exp(second.logSumExp[row]! - first.logSumExp[row]!));
      return weight * first.output[i]! + (1 - weight) * second.output[i]!;
    });
    expect(largestDifference(merged, whole.output)).toBeLessThan(1e-6);
    expect(largestDifference(first.output, whole.output)).toBeGreaterThan(1e-3);
  });

  test("calls that contradict themselves are refused", () => {
    using cache = filledCache(backend, randomFloats(1, 8 * 32), randomFloats(2, 8 * 32), shape);
    using query = floats(backend, randomFloats(3, 9 * 32), [9, 1, 32]);
    using output = poisoned(backend, query.shape);
    const selected: BlockPattern = { type: "selected", blockSize: 4 };
    const run = (sequence: Partial<AttentionSequence>) => () =>
      backend.kernels.run(hybridAttention, { query, output, scale: 1, sequences: [{ start: 0, length: 8, cache, routing: knownPatterns([full]), ...sequence }] });
    expect(run({})).not.toThrow();
    expect(run({ length: 9 })).toThrow(/more queries than keys/);
    expect(run({ start: 2 })).toThrow(ShapeError);
    expect(run({ routing: knownPatterns([full, full]) })).toThrow(/do not fit together/);
    expect(run({ routing: knownPatterns([selected]) })).toThrow(/needs a mask/);
    using wrongBlock = blockMaskFromHost(backend, new Uint8Array(16), { blockSize: 2, numQueryHeads: 1, keyBlocks: 4 });
    expect(run({ routing: knownPatterns([selected], wrongBlock) })).toThrow(/needs a mask of its block size/);
    using tooWide = blockMaskFromHost(backend, new Uint8Array(9), { blockSize: 4, numQueryHeads: 1, keyBlocks: 3 });
    expect(run({ routing: knownPatterns([selected], tooWide) })).toThrow(/2 key blocks, found 1, 3 and 3/);
    using tooFew = blockMaskFromHost(backend, new Uint8Array(2), { blockSize: 4, numQueryHeads: 1, keyBlocks: 2 });
    expect(run({ routing: knownPatterns([selected], tooFew) })).toThrow(/2 or more query blocks/);
    using twoHeads = blockMaskFromHost(backend, new Uint8Array(8), { blockSize: 4, numQueryHeads: 2, keyBlocks: 2 });
    expect(run({ routing: knownPatterns([selected], twoHeads) })).toThrow(/1 heads/);
  });
});
