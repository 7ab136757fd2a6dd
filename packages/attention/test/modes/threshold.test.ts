import { randomFloats } from "@elastic-attention/fixtures";
import { hostArray, readFloats, ReferenceBackend } from "@elastic-attention/tensor";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { attentionBackward, attentionModeDefinition, type BlockPattern, countBlocks, hybridAttention, knownPatterns, namedAttentionModes, parseModeName, patternOf, type ThresholdMode, tokensRead, trainingPatternOf, validateMode } from "../../src/index.js";
import { largestDifference } from "../dense-attention.js";
import { filledCache, floats, poisoned } from "../filled-cache.js";

const backend = new ReferenceBackend({ precision: "f64" });
const [numKeyValueHeads, group, headDim] = [2, 2, 8];
const numQueryHeads = numKeyValueHeads * group;

interface Text {
  readonly seed: number;
  readonly queries: number;
  readonly tokens: number;
  /** How far scores lie apart. */
  readonly magnitude: number;
  readonly patterns: readonly BlockPattern[];
}

function inputs({ seed, queries, tokens, magnitude }: Text) {
  const keys = randomFloats(seed, tokens * numKeyValueHeads * headDim, magnitude).map((value, index) => value * (1 + 2 * Math.sin(index / (numKeyValueHeads * headDim) / 70)));
  return { query: randomFloats(seed + 1, queries * numQueryHeads * headDim), keys, values: randomFloats(seed + 2, keys.length) };
}

function attend(text: Text) {
  const { queries, patterns } = text;
  const { query: q, keys, values } = inputs(text);
  using cache = filledCache(backend, keys, values, { numKeyValueHeads, headDim, spareSlots: 3 });
  using query = floats(backend, q, [queries, numQueryHeads, headDim]);
  using output = poisoned(backend, query.shape);
  using logSumExp = poisoned(backend, [queries, numQueryHeads]);
  using tileCounts = backend.upload(new Int32Array(2 * numQueryHeads), [2, numQueryHeads], "i32");
  const sequences = [{ start: 0, length: queries, cache, routing: knownPatterns(patterns), tileCounts }];
  // Twice: counts add up.
  for (let time = 0; time < 2; time++) backend.kernels.run(hybridAttention, { query, output, sequences, scale: 1, logSumExp });
  return { output: readFloats(output).slice(), logSumExp: readFloats(logSumExp).slice(), counts: hostArray(tileCounts.download(), "i32").slice() };
}

/** By the definition, in float64, without anything of the package: tiles of 128 keys of one row, the first before the others. */
function oracle(text: Text, factorOf: (head: number) => number) {
  const { queries, tokens } = text;
  const { query, keys, values } = inputs(text);
  const output = new Float64Array(queries * numQueryHeads * headDim);
  const counts = new Int32Array(2 * numQueryHeads);
  const logSumExp = new Float64Array(queries * numQueryHeads);
  for (let row = 0; row < queries; row++) {
    const seen = tokens - queries + row + 1;
    for (let head = 0; head < numQueryHeads; head++) {
      const kv = Math.floor(head / group);
      const score = (key: number) => {
        let sum = 0;
        for (let i = 0; i < headDim; i++) sum += query[(row * numQueryHeads + head) * headDim + i]! * keys[(key * numKeyValueHeads + kv) * headDim + i]!;
        return sum;
      };
      const left: { readonly key: number; readonly score: number }[] = [];
      let running = -Infinity;
      for (let start = 0; start < seen; start += 128) {
        const tile = [];
        for (let key = start; key < Math.min(start + 128, seen); key++) tile.push({ key, score: score(key) });
        const top = Math.max(...tile.map((each) => each.score));
        const counted = factorOf(kv) > 0;
        if (counted) counts[numQueryHeads + head]! += 2;
        if (running - top > Math.max(0, Math.log(seen / factorOf(kv)))) counts[head]! += 2;
        else {
          left.push(...tile);
          running = Math.max(running, top);
        }
      }
      const sum = left.reduce((total, each) => total + Math.exp(each.score - running), 0);
      logSumExp[row * numQueryHeads + head] = running + Math.log(sum);
      for (const { key, score: of } of left) {
        const weight = Math.exp(of - running) / sum;
        for (let i = 0; i < headDim; i++) output[(row * numQueryHeads + head) * headDim + i]! += weight * values[(key * numKeyValueHeads + kv) * headDim + i]!;
      }
    }
  }
  return { output, logSumExp, counts };
}

describe("hybrid attention with a threshold on tiles", () => {
  test("is softmax over the tiles that are left, for random and ragged lengths", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 600 }), fc.constantFrom(0.5, 2, 5), fc.constantFrom(1e-3, 1, 30, 1e4), (seed, queries, before, magnitude, factor) => {
        const text = { seed, queries, tokens: queries + before, magnitude, patterns: [{ type: "threshold", factor }, { type: "full" }] } as const;
        const [actual, expected] = [attend(text), oracle(text, (head) => (head === 0 ? factor : 0))];
        expect(largestDifference(actual.output, expected.output)).toBeLessThan(1e-10);
        expect(largestDifference(actual.logSumExp, expected.logSumExp)).toBeLessThan(1e-10);
        expect(actual.counts).toEqual(expected.counts);
      }),
      { numRuns: 25 },
    );
  });

  test("skips many tiles of a text made for it, and what it skips weighs less than the factor", () => {
    const text = { seed: 3, queries: 5, tokens: 900, magnitude: 3 };
    const factor = 0.05;
    const some = attend({ ...text, patterns: [{ type: "threshold", factor }, { type: "threshold", factor }] });
    const all = attend({ ...text, patterns: [{ type: "full" }, { type: "full" }] });
    expect(some.counts[0]! / some.counts[numQueryHeads]!).toBeGreaterThan(0.2);
    expect(all.counts.every((count) => count === 0)).toBe(true);
    for (const [index, whole] of all.logSumExp.entries()) {
      const left = Math.exp(some.logSumExp[index]! - whole);
      expect(left).toBeLessThanOrEqual(1);
      expect(left).toBeGreaterThan(1 - factor);
    }
  });

  test("has no gradient, which says so", () => {
    using cache = filledCache(backend, new Float32Array(16), new Float32Array(16), { numKeyValueHeads, headDim });
    const tensor = (shape: readonly number[]) => floats(backend, new Float32Array(shape.reduce((a, b) => a * b, 1)), shape);
    const rows = tensor([1, numQueryHeads, headDim]);
    const call = { query: rows, output: rows, outputGradient: rows, queryGradient: rows, logSumExp: tensor([1, numQueryHeads]), cacheGradients: [{ keys: cache.keys, values: cache.values }], accumulate: false, scale: 1 };
    const sequences = [{ start: 0, length: 1, cache, routing: knownPatterns([{ type: "threshold", factor: 1 }, { type: "full" }]) }];
    expect(() => backend.kernels.run(attentionBackward, { ...call, sequences })).toThrow(/a threshold on tiles has no gradient/);
  });
});

describe("the mode threshold", () => {
  const sizes = { sinkTokens: 16, localTokens: 32, blockSize: 16, stride: 8, threshold: 0.9 };
  const named = (text: string) => namedAttentionModes({ ...sizes, settings: parseModeName(text).settings }).find(({ kind }) => kind === "threshold")!.mode;

  test("takes its factor from its name, 1 without one", () => {
    expect(named("fa-threshold:factor=1/8")).toEqual({ kind: "threshold", factor: 0.125 });
    expect(named("fa-threshold")).toEqual({ kind: "threshold", factor: 1 });
  });

  test("with a factor of 0 is full attention, by its own pattern", () => {
    expect(patternOf({ kind: "threshold", factor: 0 })).toEqual({ type: "full" });
    expect(patternOf({ kind: "threshold", factor: 1e-60 })).toEqual({ type: "full" });
    expect(attentionModeDefinition<ThresholdMode>({ kind: "threshold", factor: 2 }).decodePattern({ kind: "threshold", factor: 2 })).toEqual({ type: "threshold", factor: 2 });
  });

  test.each([-1, NaN, Infinity, 1e300, "much", undefined])("refuses a factor of %s by name", (factor) => {
    expect(() => validateMode({ kind: "threshold", factor })).toThrow(/threshold: factor must be a number of at least 0/);
  });

  test("reads every key, and is nothing to train a router on", () => {
    expect(tokensRead({ kind: "threshold", factor: 1 }, 500)).toBe(500);
    expect(countBlocks({ type: "threshold", factor: 1 }, 512, 128)).toEqual({ visited: 10, causal: 10 });
    expect(() => trainingPatternOf({ kind: "threshold", factor: 1 })).toThrow(/nothing to train a router on/);
  });
});
