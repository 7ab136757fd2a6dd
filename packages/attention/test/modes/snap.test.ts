import { randomFloats } from "@elastic-attention/fixtures";
import { ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { type AttentionMode, attentionMass, attentionModeDefinition, keepChosen, largestPooled, PagePool, SequenceCache, type SnapMode, hybridAttention, validateMode } from "../../src/index.js";
import { filledCache, floats, poisoned } from "../filled-cache.js";

const backend = new ReferenceBackend();
const [numKeyValueHeads, group, headDim] = [2, 2, 8];
const width = numKeyValueHeads * headDim;
const snap = (settings: Partial<SnapMode> = {}): SnapMode => ({ kind: "snap", sinkTokens: 16, localTokens: 32, blockSize: 16, keptTokens: 32, scoringRows: 8, poolTokens: 3, ...settings });

/** softmax attention of one query over the given positions, in plain arithmetic. */
function attend(query: ArrayLike<number>, keys: Float32Array, head: number, positions: readonly number[]): number[] {
  const scores = positions.map((position) => Array.from({ length: headDim }, (_, i) => query[i]! * keys[position * width + head * headDim + i]!).reduce((sum, value) => sum + value, 0));
  const maximum = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - maximum));
  const total = weights.reduce((sum, value) => sum + value, 0);
  return Array.from({ length: headDim }, (_, i) => positions.reduce((sum, position, index) => sum + weights[index]! * keys[position * width + head * headDim + i]!, 0) / total);
}

test("positions are chosen by the mean over their neighbourhood, earlier ones first among equals", () => {
  const mass = [9, 9, 0, 0, 6, 0, 0, 3, 3, 3, 0, 0, 9, 9];
  expect(largestPooled(mass, { first: 2, end: 12, count: 3, poolTokens: 1 })).toEqual(Int32Array.of(4, 7, 8));
  expect(largestPooled(mass, { first: 2, end: 12, count: 3, poolTokens: 3 })).toEqual(Int32Array.of(2, 8, 11));
  expect(largestPooled([0, 0, 0, 0], { first: 0, end: 4, count: 2, poolTokens: 1 })).toEqual(Int32Array.of(0, 1));
  expect(largestPooled([0, 5, NaN, 1], { first: 0, end: 4, count: 1, poolTokens: 1 })).toEqual(Int32Array.of(2));
});

test.each([
  [{ keptTokens: 0 }, /keptTokens must be a whole number above 0/],
  [{ scoringRows: -1 }, /scoringRows/],
  [{ poolTokens: 4 }, /poolTokens must be odd/],
  [{ blockSize: 0 }, /blockSize/],
] as const)("refuses %o by name", (settings, message) => {
  expect(() => validateMode(snap(settings))).toThrow(message);
});

describe.each(["tensors of its own", "pages of a pool"] as const)("a head that keeps chosen tokens in %s", (memory) => {
  const settings = (pool: PagePool | undefined) => ({ backend, numLayers: 1, numKeyValueHeads, headDim, dtype: "f32", ...(pool === undefined ? {} : { pool }) }) as const;

  /** Has the cache keep what its modes choose; the same chosen by the plain definition, from the mass of the last rows. */
  function chooseAsDefined(cache: SequenceCache, keys: Float32Array, tokens: number, mode: SnapMode, end: number, modes: readonly AttentionMode[]): number[] {
    using prompt = floats(backend, randomFloats(4, tokens * width * group), [tokens, numKeyValueHeads * group, headDim]);
    using whole = filledCache(backend, keys.subarray(0, tokens * width), keys.subarray(0, tokens * width), { numKeyValueHeads, headDim });
    using mass = backend.allocate([1, tokens], "f32");
    const rows = Math.min(mode.scoringRows, tokens);
    backend.kernels.run(attentionMass, { query: prompt.rows(tokens - rows, tokens), cache: whole, keyValueHeads: [0], scale: 1, mass });
    keepChosen(cache, 0, modes, prompt, { scale: 1 });
    if (end - 16 <= mode.keptTokens) return Array.from({ length: mode.keptTokens }, (_, index) => 16 + index);
    return Array.from(largestPooled(mass.toFloat32(), { first: 16, end, count: mode.keptTokens, poolTokens: mode.poolTokens }));
  }

  /** Keys are values, so that a result tells what was read. Returns what each head reads besides sink and window. */
  function run(tokens: number, mode: SnapMode, steps: number): (readonly number[])[] {
    const pool = memory === "pages of a pool" ? new PagePool({ backend, headDim, dtype: "f32" }) : undefined;
    const cache = new SequenceCache(settings(pool));
    const keys = randomFloats(3, (tokens + steps) * width);
    const modes: readonly AttentionMode[] = [mode, { kind: "full" }];
    const append = (start: number, end: number): void => {
      using added = floats(backend, keys.subarray(start * width, end * width), [end - start, numKeyValueHeads, headDim]);
      cache.append(0, added, added);
    };
    append(0, tokens);
    const windowStart = (length: number) => Math.max(0, Math.floor(length / 16) - 1) * 16;
    const kept = chooseAsDefined(cache, keys, tokens, mode, windowStart(tokens), modes);
    cache.settle(0, modes);
    cache.advance(tokens);
    const all = (count: number) => Array.from({ length: count }, (_, index) => index);
    for (let step = 0; step < steps; step++) {
      append(tokens + step, tokens + step + 1);
      cache.advance(1);
      const length = tokens + step + 1;
      using query = floats(backend, randomFloats(50 + step, width * group), [1, numKeyValueHeads * group, headDim]);
      using output = poisoned(backend, query.shape);
      backend.kernels.run(hybridAttention, { query, output, sequences: [{ start: 0, length: 1, cache: cache.layer(0), routing: cache.decodePatterns(0) }], scale: 1 });
      const start = windowStart(length - 1);
      const read = [...new Set([...all(16), ...kept, ...all(length).slice(start)])].filter((position) => position < length).sort((a, b) => a - b);
      const q = query.toFloat32();
      const actual = output.toFloat32();
      for (let head = 0; head < numKeyValueHeads * group; head++) {
        const expected = attend(q.subarray(head * headDim, (head + 1) * headDim), keys, Math.floor(head / group), head < group ? read : all(length));
        for (const [i, value] of expected.entries()) expect(actual[head * headDim + i]).toBeCloseTo(value, 4);
      }
    }
    const bytes = cache.byteLength;
    expect(bytes).toBeLessThanOrEqual(cache.fullByteLength * 2 + 128 * width * 16);
    cache.dispose();
    pool?.[Symbol.dispose]();
    expect(backend.memory().liveAllocations).toBe(0);
    return [kept];
  }

  test.each([[400, 32], [300, 96], [129, 16]])("decodes over sink, window and what the last of %i rows attend to: %i tokens", (tokens, keptTokens) => {
    const [kept] = run(tokens, snap({ keptTokens }), 40);
    // Not only the first ones.
    expect(kept!.at(-1)).toBeGreaterThan(16 + keptTokens);
  });

  test.each([20, 60, 79])("keeps the first tokens of a prompt of %i, all of which fit", (tokens) => {
    const [kept] = run(tokens, snap(), 60);
    expect(kept![0]).toBe(16);
  });

  test("holds sink, chosen tokens and window only", () => {
    const retention = attentionModeDefinition(snap({ keptTokens: 40 })).retention(snap({ keptTokens: 40 }));
    expect(retention).toEqual({ type: "sink-ring", sinkTokens: 64, ringTokens: 32 });
  });
});
