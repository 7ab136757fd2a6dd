import { randomFloats, seededRandom } from "@elastic-attention/fixtures";
import { checkGradients, readFloats, ReferenceBackend, Tape, type Tensor, writeFloats } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import {
  type AttentionSequence,
  blockMaskFromHost,
  type BlockPattern,
  cacheAppend,
  cacheGather,
  dualAttention,
  gateMix,
  headStores,
  hybridAttention,
  knownPatterns,
  type LayerCache,
  numSlots,
} from "../src/index.js";
import { filledCache, floats } from "./filled-cache.js";

const backend = new ReferenceBackend({ precision: "f64" });
/** The figure to meet, relative. */
const tolerance = 1e-6;
const [numQueryHeads, numKeyValueHeads, headDim] = [4, 2, 6];
const lengths = [7, 11];
const tokens = 18;
const patterns: readonly BlockPattern[] = [
  { type: "streaming", sinkBlocks: 1, localBlocks: 1, blockSize: 3 },
  { type: "selected", blockSize: 3 },
];

const random = (shape: readonly number[], seed: number): Tensor =>
  floats(backend, randomFloats(seed, shape.reduce((a, b) => a * b, 1)), shape);

function expectRight(inputs: readonly Tensor[], run: (tape: Tape) => readonly Tensor[], samples = 60): void {
  const before = backend.memory().liveAllocations;
  expect(checkGradients({ inputs, run, samples }).filter(({ relative }) => !(relative < tolerance))).toEqual([]);
  expect(backend.memory().liveAllocations).toBe(before);
}

/** The sequences of one attention call, their keys and values written to new caches by steps of the tape. */
function appended(tape: Tape, keys: Tensor, values: Tensor): AttentionSequence[] {
  let start = 0;
  return lengths.map((length, index) => {
    const heads = headStores(Array.from({ length: numKeyValueHeads }, () => ({ type: "all" }) as const), length, 0);
    const shape = [numSlots(heads), headDim];
    const cache = { numKeyValueHeads, headDim, length: 0, keys: tape.allocate(shape, "f32"), values: tape.allocate(shape, "f32"), heads };
    const rows = [start, start + length] as const;
    tape.run(cacheAppend, { keys: keys.rows(...rows), values: values.rows(...rows), cache });
    cache.length = length;
    start += length;
    return { start: rows[0], length, cache, routing: knownPatterns(patterns, masks[index]!) };
  });
}

const masks = lengths.map((length, index) => {
  const keyBlocks = Math.ceil(length / 3);
  const draw = seededRandom(index + 3);
  const bytes = Uint8Array.from({ length: numQueryHeads * keyBlocks * keyBlocks }, () => (draw() < 0.6 ? 1 : 0));
  return blockMaskFromHost(backend, bytes, { blockSize: 3, numQueryHeads, keyBlocks });
});

describe("gradients by finite differences in float64", () => {
  const query = random([tokens, numQueryHeads, headDim], 1);
  const keys = random([tokens, numKeyValueHeads, headDim], 2);
  const values = random([tokens, numKeyValueHeads, headDim], 3);

  test("cacheAppend and hybridAttention: queries, keys, values of two sequences", () => {
    expectRight([query, keys, values], (tape) => {
      const sequences = appended(tape, keys, values);
      const [output, logSumExp] = [tape.allocate(query.shape, "f32"), tape.allocate([tokens, numQueryHeads], "f32")];
      tape.run(hybridAttention, { query, output, sequences, scale: 0.4, logSumExp });
      return [output];
    });
  });

  test("hybridAttention of the last queries only, with room left in the cache", () => {
    const cache = filledCache(backend, randomFloats(4, 9 * 12), randomFloats(5, 9 * 12), { numKeyValueHeads, headDim, spareSlots: 2 });
    // What is not there must not matter, and differences need numbers.
    for (const tensor of [cache.keys, cache.values]) writeFloats(tensor, readFloats(tensor).map((value) => (Number.isNaN(value) ? 0 : value)));
    const [first] = patterns;
    expectRight([query, cache.keys, cache.values], (tape) => {
      const [output, logSumExp] = [tape.allocate(query.shape, "f32"), tape.allocate([tokens, numQueryHeads], "f32")];
      writeFloats(output, new Float64Array(output.numElements));
      const sequences = [{ start: 2, length: 4, cache, routing: knownPatterns([first!, { type: "full" }]) }];
      tape.run(hybridAttention, { query, output, sequences, scale: 0.4, logSumExp });
      return [output];
    });
  });

  test("dualAttention and gateMix: both sides and the gates", () => {
    const gates = random([lengths.length, numKeyValueHeads], 7);
    writeFloats(gates, Float64Array.of(0.3, 0.8, 0.5, 0.1));
    expectRight([query, keys, values, gates], (tape) => {
      const sequences = appended(tape, keys, values);
      const output = () => tape.allocate(query.shape, "f32");
      const logSumExp = () => tape.allocate([tokens, numQueryHeads], "f32");
      const [fullOutput, sparseOutput, mixed] = [output(), output(), output()];
      const logSumExps = { fullLogSumExp: logSumExp(), sparseLogSumExp: logSumExp() };
      tape.run(dualAttention, { query, fullOutput, sparseOutput, ...logSumExps, sequences, scale: 0.4 });
      tape.run(gateMix, { fullOutput, sparseOutput, gates, offsets: [0, 7, 18], output: mixed });
      return [mixed];
    });
  });
});

describe("gateMix", () => {
  test("with gates of 1 and 0 copies a side, whatever the other holds, in place too", () => {
    const [full, sparse] = [random([3, 4, 2], 1), random([3, 4, 2], 2)];
    const expected = Array.from(readFloats(full), (value, i) => (Math.floor(i / 4) % 2 === 0 ? value : readFloats(sparse)[i]!));
    const poison = (tensor: Tensor, ofHead: number) =>
      writeFloats(tensor, readFloats(tensor).map((value, i) => (Math.floor(i / 4) % 2 === ofHead ? value : NaN)));
    poison(full, 0);
    poison(sparse, 1);
    using gates = floats(backend, [1, 0], [1, 2]);
    backend.kernels.run(gateMix, { fullOutput: full, sparseOutput: sparse, gates, offsets: [0, 3], output: full });
    expect(Array.from(readFloats(full))).toEqual(expected);
  });

  test("refuses gates that do not divide the query heads", () => {
    const output = random([3, 4, 2], 1);
    const gates = random([1, 3], 2);
    expect(() => backend.kernels.run(gateMix, { fullOutput: output, sparseOutput: output, gates, offsets: [0, 3], output })).toThrow(
      /no whole group of query heads/,
    );
  });
});

describe("cacheGather", () => {
  test("reads back the last tokens that were appended, of one side only too", () => {
    const [keys, values] = [randomFloats(1, 5 * 12), randomFloats(2, 5 * 12)];
    using cache = filledCache(backend, keys, values, { numKeyValueHeads, headDim, spareSlots: 1 });
    const gathered = backend.allocate([3, numKeyValueHeads, headDim], "f32");
    backend.kernels.run(cacheGather, { cache, values: gathered });
    expect(Array.from(readFloats(gathered))).toEqual(Array.from(values.subarray(24)));
    backend.kernels.run(cacheGather, { cache, keys: gathered });
    expect(Array.from(readFloats(gathered))).toEqual(Array.from(keys.subarray(24)));
  });

  test("refuses tokens that are not there or that a ring has dropped", () => {
    using cache = filledCache(backend, randomFloats(1, 5 * 12), randomFloats(2, 5 * 12), { numKeyValueHeads, headDim });
    expect(() => backend.kernels.run(cacheGather, { cache, keys: backend.allocate([6, 2, 6], "f32") })).toThrow(/6 tokens asked for/);
    const ring: LayerCache = {
      ...cache,
      heads: headStores([{ type: "sink-ring", sinkTokens: 0, ringTokens: 2 }, { type: "all" }], 8, 0),
    };
    expect(() => backend.kernels.run(cacheGather, { cache: ring, keys: backend.allocate([5, 2, 6], "f32") })).toThrow(/no longer in a ring/);
  });
});

describe("hybridAttention on a tape", () => {
  test("needs its log-sum-exp", () => {
    using tape = new Tape(backend);
    const query = random([tokens, numQueryHeads, headDim], 1);
    tape.watch(query);
    using constant = random([tokens, numKeyValueHeads, headDim], 2);
    const sequences = appended(tape, constant, constant);
    const output = tape.allocate(query.shape, "f32");
    expect(() => tape.run(hybridAttention, { query, output, sequences, scale: 1 })).toThrow(/its gradient needs logSumExp/);
  });

  test("has no way back from its log-sum-exp", () => {
    using tape = new Tape(backend);
    const query = random([tokens, numQueryHeads, headDim], 1);
    tape.watch(query);
    using constant = random([tokens, numKeyValueHeads, headDim], 2);
    const sequences = appended(tape, constant, constant);
    const [output, logSumExp] = [tape.allocate(query.shape, "f32"), tape.allocate([tokens, numQueryHeads], "f32")];
    tape.run(hybridAttention, { query, output, sequences, scale: 1, logSumExp });
    for (const result of [output, logSumExp]) tape.seed(result, (gradient) => writeFloats(gradient, new Float64Array(gradient.numElements)));
    expect(() => tape.backward()).toThrow(/no way back/);
  });
});
