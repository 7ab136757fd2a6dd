import { ShapeError } from "@elastic-attention/core";
import { seededRandom } from "@elastic-attention/fixtures";
import { fromBFloat16, ReferenceBackend, toBFloat16 } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import {
  attentionModeDefinition,
  type BlockMask,
  fullMode,
  headStores,
  hybridAttention,
  knownPatterns,
  maskRow,
  xattentionEstimate,
  type XAttentionMode,
} from "../src/index.js";
import { filledCache, floats, poisoned } from "./filled-cache.js";

const backend = new ReferenceBackend();

/** Whole numbers from -3 to 3: every dot product is exact, whatever the order of its sum. */
function wholeNumbers(seed: number, count: number): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length: count }, () => Math.floor(random() * 7) - 3);
}

interface Inputs {
  readonly tokens: number;
  readonly numKeyValueHeads: number;
  readonly group: number;
  readonly headDim: number;
  readonly seed: number;
}

function inputs({ tokens, numKeyValueHeads, group, headDim, seed }: Inputs) {
  return {
    query: wholeNumbers(seed, tokens * numKeyValueHeads * group * headDim),
    keys: wholeNumbers(seed + 1, tokens * numKeyValueHeads * headDim),
  };
}

/** Block masses of one query head from the definition: antidiagonals of whole t x t squares, softmax rows, sums. */
function expectedMass(options: Inputs, head: number, mode: XAttentionMode, round: (value: number) => number, scale = options.headDim ** -0.5, softCap = Infinity): number[][] {
  const { tokens, numKeyValueHeads, group, headDim } = options;
  const { query, keys } = inputs(options);
  const at = (values: Float32Array, heads: number, token: number, which: number, i: number): number =>
    token < tokens ? values[(token * heads + which) * headDim + i]! : 0;
  const groups = Math.ceil(tokens / mode.stride);
  const blocks = Math.ceil(tokens / mode.blockSize);
  const mass = Array.from({ length: blocks }, () => Array.from({ length: blocks }, () => 0));
  for (let a = 0; a < groups; a++) {
    const scores = Array.from({ length: a + 1 }, (_, b) => {
      let score = 0;
      for (let i = 0; i < mode.stride; i++) {
        for (let j = 0; j < mode.stride; j++) {
          if (i + j !== mode.stride - 1) continue;
          for (let d = 0; d < headDim; d++) {
            score +=
              at(query, numKeyValueHeads * group, a * mode.stride + i, head, d) *
              at(keys, numKeyValueHeads, b * mode.stride + j, Math.floor(head / group), d);
          }
        }
      }
      const mean = (round(score) * scale) / mode.stride;
      return softCap === Infinity ? mean : softCap * Math.tanh(mean / softCap);
    });
    const top = Math.max(...scores);
    const weights = scores.map((score) => Math.exp(score - top));
    const sum = weights.reduce((x, y) => x + y, 0);
    const row = mass[Math.floor((a * mode.stride) / mode.blockSize)]!;
    for (const [b, weight] of weights.entries()) row[Math.floor((b * mode.stride) / mode.blockSize)]! += weight / sum;
  }
  return mass.map((row) => row.map(round));
}

/** Chosen blocks by prefix sums: the j-th heaviest is in while the sum without it and its predecessor is below the share. */
function expectedRow(mass: readonly number[], row: number, threshold: number): number[] {
  const required = mass.slice(0, row + 1).reduce((a, b) => a + b, 0) * threshold;
  const order = Array.from({ length: row }, (_, block) => block).sort((a, b) => mass[b]! - mass[a]! || a - b);
  const prefix = order.map((_, j) => order.slice(0, j).reduce((sum, block) => sum + mass[block]!, mass[row]!));
  const taken = order.filter((_, j) => (j === 0 ? required > 0 : prefix[j - 1]! < required));
  return mass.map((_, block) => (block === 0 || block === row || taken.includes(block) ? 1 : 0));
}

function estimate(options: Inputs, mode: XAttentionMode, keyValueHeads: readonly number[], roundToBFloat16 = false): BlockMask {
  const { tokens, numKeyValueHeads, group, headDim } = options;
  const { query, keys } = inputs(options);
  using cache = filledCache(backend, keys, keys, { numKeyValueHeads, headDim, spareSlots: 2 });
  using queryTensor = floats(backend, query, [tokens, numKeyValueHeads * group, headDim]);
  return backend.kernels.run(xattentionEstimate, { query: queryTensor, cache, keyValueHeads, mode, roundToBFloat16 });
}

describe("XAttention estimate", () => {
  const roundings = [["float32", Math.fround], ["bfloat16", (value: number) => fromBFloat16(toBFloat16(value))]] as const;

  test.each(roundings)("chooses what the definition chooses, masses kept in %s", (name, round) => {
    let rows = 0;
    let skipped = 0;
    for (const [index, tokens] of [1, 7, 16, 64, 65, 100, 144].entries()) {
      for (const threshold of [0.3, 0.8, 0.9]) {
        const mode: XAttentionMode = { kind: "xattention", stride: 4, blockSize: 16, threshold };
        const options: Inputs = { tokens, numKeyValueHeads: 2, group: 2, headDim: 8, seed: 100 * index };
        using mask = estimate(options, mode, [0, 1], name === "bfloat16");
        const visited = mask.visited.download();
        expect([mask.queryBlocks, mask.keyBlocks, mask.numQueryHeads]).toEqual([Math.ceil(tokens / 16), Math.ceil(tokens / 16), 4]);
        for (let head = 0; head < 4; head++) {
          for (const [row, mass] of expectedMass(options, head, mode, round).entries()) {
            const found = [...maskRow(mask, visited, head, row)];
            expect(found).toEqual(expectedRow(mass, row, threshold));
            rows += 1;
            skipped += row + 1 - found.reduce((a, b) => a + b, 0);
          }
        }
      }
    }
    // Otherwise the comparison above would be of rows that choose everything.
    expect(rows).toBeGreaterThan(200);
    expect(skipped).toBeGreaterThan(100);
  });

  test.each([["a scale of its own", 0.05, undefined], ["a soft cap", undefined, 1.5], ["both", 0.9, 2]] as const)("as an attention with %s scores", (_what, scale, softCap) => {
    const mode: XAttentionMode = { kind: "xattention", stride: 4, blockSize: 16, threshold: 0.8 };
    const options: Inputs = { tokens: 144, numKeyValueHeads: 1, group: 2, headDim: 8, seed: 3 };
    const { query, keys } = inputs(options);
    using cache = filledCache(backend, keys, keys, options);
    using queryTensor = floats(backend, query, [144, 2, 8]);
    const chosen = (call: { readonly scale?: number; readonly softCap?: number }) => {
      using mask = backend.kernels.run(xattentionEstimate, { query: queryTensor, cache, keyValueHeads: [0], mode, ...call });
      const visited = mask.visited.download();
      return Array.from({ length: 18 }, (_, row) => [...maskRow(mask, visited, Math.floor(row / 9), row % 9)]);
    };
    const own = { ...(scale === undefined ? {} : { scale }), ...(softCap === undefined ? {} : { softCap }) };
    const expected = [0, 1].flatMap((head) => expectedMass(options, head, mode, Math.fround, scale, softCap).map((mass, row) => expectedRow(mass, row, 0.8)));
    expect(chosen(own)).toEqual(expected);
    expect(chosen(own)).not.toEqual(chosen({}));
    expect(() => chosen({ softCap: -1 })).toThrow(ShapeError);
  });

  test("strides of one token to a whole block", () => {
    for (const stride of [1, 2, 8, 16]) {
      const mode: XAttentionMode = { kind: "xattention", stride, blockSize: 16, threshold: 0.6 };
      const options: Inputs = { tokens: 90, numKeyValueHeads: 1, group: 1, headDim: 8, seed: stride };
      using mask = estimate(options, mode, [0]);
      const visited = mask.visited.download();
      for (const [row, mass] of expectedMass(options, 0, mode, Math.fround).entries()) {
        expect([...maskRow(mask, visited, 0, row)]).toEqual(expectedRow(mass, row, 0.6));
      }
    }
  });

  test("finds the blocks that a query was made to look for", () => {
    // Keys are zero but for block 2, which points along axis 0 as all queries do.
    const [tokens, headDim] = [128, 8];
    const values = new Float32Array(tokens * headDim);
    for (let token = 32; token < 48; token++) values[token * headDim] = 40;
    using cache = filledCache(backend, values, values, { numKeyValueHeads: 1, headDim });
    using query = floats(backend, Float32Array.from(values, (_, i) => (i % headDim === 0 ? 1 : 0)), [tokens, 1, headDim]);
    const mode: XAttentionMode = { kind: "xattention", stride: 4, blockSize: 16, threshold: 0.001 };
    using mask = backend.kernels.run(xattentionEstimate, { query, cache, keyValueHeads: [0], mode });
    const visited = mask.visited.download();
    for (let row = 3; row < 8; row++) {
      const expected = Array.from({ length: 8 }, (_, block) => (block === 0 || block === 2 || block === row ? 1 : 0));
      expect([...maskRow(mask, visited, 0, row)]).toEqual(expected);
    }
  });

  test("heads of one group choose for themselves; heads that were not asked for cost nothing and change nothing", () => {
    const mode: XAttentionMode = { kind: "xattention", stride: 4, blockSize: 16, threshold: 0.5 };
    const options: Inputs = { tokens: 160, numKeyValueHeads: 2, group: 2, headDim: 8, seed: 5 };
    using both = estimate(options, mode, [0, 1]);
    using second = estimate(options, mode, [1]);
    const blocks = both.keyBlocks;
    const rows = (mask: BlockMask, head: number) => [...mask.visited.download().subarray(head * blocks * blocks, (head + 1) * blocks * blocks)];
    for (const head of [2, 3]) expect(rows(second, head)).toEqual(rows(both, head));
    expect(rows(both, 2)).not.toEqual(rows(both, 3));
  });

  test("threshold 1 attends to everything, bit for bit as full attention", () => {
    const options: Inputs = { tokens: 70, numKeyValueHeads: 1, group: 2, headDim: 32, seed: 9 };
    const { query, keys } = inputs(options);
    const mode: XAttentionMode = { kind: "xattention", stride: 4, blockSize: 16, threshold: 1 };
    const definition = attentionModeDefinition(mode);
    using cache = filledCache(backend, keys, keys, options);
    using queryTensor = floats(backend, query, [70, 2, 32]);
    // 32 / 100: scores so small that no block's mass is lost beside another's.
    using mask = definition.select!({ mode, layer: 0, query: queryTensor, cache, keyValueHeads: [0], scale: 0.01 });
    const run = (pattern: ReturnType<typeof definition.pattern>) => {
      using output = poisoned(backend, queryTensor.shape);
      backend.kernels.run(hybridAttention, { query: queryTensor, output, scale: 0.01, sequences: [{ start: 0, length: 70, cache, routing: knownPatterns([pattern], mask) }] });
      return output.download();
    };
    expect(run(definition.pattern(mode))).toEqual(run(attentionModeDefinition(fullMode).pattern(fullMode)));
  });

  test("needs the queries of every key, and heads that kept every key", () => {
    const mode: XAttentionMode = { kind: "xattention", stride: 4, blockSize: 16, threshold: 0.5 };
    using cache = filledCache(backend, wholeNumbers(1, 32 * 8), wholeNumbers(2, 32 * 8), { numKeyValueHeads: 1, headDim: 8 });
    using query = floats(backend, wholeNumbers(3, 32 * 8), [32, 1, 8]);
    const run = (call: { rows?: number; ring?: boolean }) => () => {
      const heads = call.ring === true ? headStores([{ type: "sink-ring", sinkTokens: 16, ringTokens: 16 }], 0, 0) : cache.heads;
      using mask = backend.kernels.run(xattentionEstimate, { query: query.rows(0, call.rows ?? 32), cache: { ...cache, heads }, keyValueHeads: [0], mode });
      return mask;
    };
    expect(run({})).not.toThrow();
    expect(run({ rows: 31 })).toThrow(ShapeError);
    expect(run({ ring: true })).toThrow(/dropped keys/);
  });
});
