import { ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { type AttentionScores, type BlockPattern, hybridAttention, knownPatterns } from "../src/index.js";
import { filledCache, floats, poisoned } from "./filled-cache.js";
import { randomFloats } from "@elastic-attention/fixtures";
const backend = new ReferenceBackend();
const full: BlockPattern = { type: "full" };
const sliding = (windowTokens: number): BlockPattern => ({ type: "sliding", windowTokens });

describe("the scores of an attention call", () => {
  const shape = { numKeyValueHeads: 1, headDim: 32 };

  test("sinks of no weight, a window longer than the sequence: the same bits as without them", () => {
    using cache = filledCache(backend, randomFloats(1, 20 * 32), randomFloats(2, 20 * 32), shape);
    using query = floats(backend, randomFloats(3, 20 * 32), [20, 1, 32]);
    using sinkLogits = floats(backend, [-Infinity], [1]);
    const run = (pattern: BlockPattern, scores: Partial<AttentionScores>): Uint8Array => {
      using output = poisoned(backend, query.shape);
      const sequences = [{ start: 0, length: 20, cache, routing: knownPatterns([pattern]) }];
      backend.kernels.run(hybridAttention, { query, output, scale: 0.2, sequences, ...scores });
      return output.download();
    };
    expect(run(sliding(20), { sinkLogits })).toEqual(run(full, {}));
    expect(run(sliding(19), { sinkLogits })).not.toEqual(run(full, {}));
  });

  test("caps that are no positive number and sinks that are not one f32 a query head are refused", () => {
    using cache = filledCache(backend, randomFloats(1, 8 * 32), randomFloats(2, 8 * 32), shape);
    using query = floats(backend, randomFloats(3, 8 * 64), [8, 2, 32]);
    using output = poisoned(backend, query.shape);
    const run = (scores: Partial<AttentionScores>) => () =>
      backend.kernels.run(hybridAttention, { query, output, scale: 1, sequences: [{ start: 0, length: 8, cache, routing: knownPatterns([full]) }], ...scores });
    for (const softCap of [0, -1, NaN, Infinity]) expect(run({ softCap })).toThrow(/softCap must be a positive number/);
    expect(run({ scale: NaN })).toThrow(/scale must be a number/);
    using one = floats(backend, [1], [1]);
    using half = floats(backend, [1, 1], [2], "bf16");
    expect(run({ sinkLogits: one })).toThrow(/sinkLogits must be/);
    expect(run({ sinkLogits: half })).toThrow(/sinkLogits are f32, found bf16/);
  });
});
