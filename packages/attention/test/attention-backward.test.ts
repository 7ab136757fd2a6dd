import { randomFloats, seededRandom } from "@elastic-attention/fixtures";
import { readFloats, ReferenceBackend, type Tensor, writeFloats } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import {
  attentionBackward,
  type AttentionBackwardCall,
  type AttentionScores,
  type AttentionSequence,
  blockMaskFromHost,
  type BlockPattern,
  type CacheGradients,
  headStores,
  hybridAttention,
  knownPatterns,
  type LayerCache,
} from "../src/index.js";
import { filledCache, floats, poisoned } from "./filled-cache.js";

const backend = new ReferenceBackend({ precision: "f64" });
const full: BlockPattern = { type: "full" };
const streaming: BlockPattern = { type: "streaming", sinkBlocks: 1, localBlocks: 2, blockSize: 4 };
const sliding = (windowTokens: number): BlockPattern => ({ type: "sliding", windowTokens });
const selected: BlockPattern = { type: "selected", blockSize: 4 };

interface Case {
  /** (queries, keys) of each sequence. */
  readonly lengths: readonly (readonly [number, number])[];
  readonly patterns: readonly BlockPattern[];
  readonly group: number;
  readonly headDim?: number;
  readonly density?: number;
  readonly softCap?: number;
  /** One for each query head. */
  readonly sinkLogits?: readonly number[];
}

/** Random tensors of a case, its forward pass, and its gradients of the loss `sum(outputGradient * output)`. */
class Pass {
  readonly query: Tensor;
  readonly output: Tensor;
  readonly logSumExp: Tensor;
  readonly outputGradient: Tensor;
  readonly queryGradient: Tensor;
  readonly cacheGradients: CacheGradients[];
  readonly sequences: AttentionSequence[] = [];
  readonly scores: AttentionScores;

  constructor({ lengths, patterns, group, headDim = 8, density = 0.5, softCap, sinkLogits }: Case) {
    const numQueryHeads = patterns.length * group;
    const tokens = lengths.reduce((sum, [queries]) => sum + queries, 0);
    const shape = [tokens, numQueryHeads, headDim];
    const size = tokens * numQueryHeads * headDim;
    const random = seededRandom(5);
    let start = 0;
    for (const [index, [length, keys]] of lengths.entries()) {
      const count = keys * patterns.length * headDim;
      const layout = { numKeyValueHeads: patterns.length, headDim, spareSlots: 2 };
      const cache = filledCache(backend, randomFloats(30 + index, count), randomFloats(60 + index, count), layout);
      const keyBlocks = Math.ceil(keys / 4);
      const queryBlocks = keyBlocks - Math.floor((keys - length) / 4);
      const bytes = Uint8Array.from({ length: numQueryHeads * queryBlocks * keyBlocks }, () => (random() < density ? 1 : 0));
      const mask = blockMaskFromHost(backend, bytes, { blockSize: 4, numQueryHeads, keyBlocks });
      this.sequences.push({ start, length, cache, routing: knownPatterns(patterns, mask) });
      start += length;
    }
    this.query = floats(backend, randomFloats(1, size), shape);
    this.outputGradient = floats(backend, randomFloats(2, size), shape);
    this.output = poisoned(backend, shape);
    this.logSumExp = poisoned(backend, [tokens, numQueryHeads]);
    this.queryGradient = poisoned(backend, shape);
    this.cacheGradients = this.sequences.map(({ cache }) => ({
      keys: poisoned(backend, cache.keys.shape),
      values: poisoned(backend, cache.values.shape),
    }));
    const sinks = sinkLogits === undefined ? undefined : floats(backend, sinkLogits, [numQueryHeads]);
    this.scores = { scale: 0.7, softCap, sinkLogits: sinks };
  }

  loss(): number {
    const { query, output, logSumExp, sequences, scores } = this;
    backend.kernels.run(hybridAttention, { query, output, logSumExp, sequences, ...scores });
    const [o, g] = [numbers(output), numbers(this.outputGradient)];
    return o.reduce((sum, value, i) => sum + value * g[i]!, 0);
  }

  backward(options: { accumulate?: boolean; deterministic?: boolean } = {}): void {
    this.loss();
    backend.kernels.run(attentionBackward, { ...this.call(), ...options });
  }

  call(): AttentionBackwardCall {
    const { query, output, logSumExp, outputGradient, sequences, scores, queryGradient, cacheGradients } = this;
    return { query, output, logSumExp, outputGradient, sequences, ...scores, queryGradient, cacheGradients };
  }

  /** Every input with its gradient, and which of its elements stand for tokens. */
  inputs(): { input: Tensor; gradient: Tensor; live: (index: number) => boolean }[] {
    const inputs: ReturnType<Pass["inputs"]> = [{ input: this.query, gradient: this.queryGradient, live: () => true }];
    for (const [index, { cache }] of this.sequences.entries()) {
      const live = (at: number): boolean => isLive(cache, Math.floor(at / cache.headDim));
      const gradients = this.cacheGradients[index]!;
      inputs.push({ input: cache.keys, gradient: gradients.keys, live }, { input: cache.values, gradient: gradients.values, live });
    }
    return inputs;
  }
}

const numbers = (tensor: Tensor): number[] => [...readFloats(tensor)];

const isLive = (cache: LayerCache, slot: number): boolean =>
  cache.heads.some(({ firstSlot }) => slot >= firstSlot && slot < firstSlot + cache.length);

/** Directional derivatives along random directions, and single elements, against central differences. */
function expectFiniteDifferences(options: Case): void {
  const pass = new Pass(options);
  pass.backward();
  const step = 1e-5;
  for (const [which, { input, gradient, live }] of pass.inputs().entries()) {
    const [before, found] = [numbers(input), numbers(gradient)];
    const scale = Math.max(1e-3, ...found.filter((_, i) => live(i)).map(Math.abs));
    for (let trial = 0; trial < 6; trial++) {
      const random = seededRandom(100 * which + trial);
      const single = Math.floor(random() * before.length);
      const direction = before.map((_, i) => (trial < 2 ? 2 * random() - 1 : Number(i === single)));
      const moved = (sign: number): number => {
        writeFloats(input, before.map((value, i) => (live(i) ? value + sign * step * direction[i]! : value)));
        return pass.loss();
      };
      const expected = (moved(1) - moved(-1)) / (2 * step);
      writeFloats(input, before);
      const actual = found.reduce((sum, value, i) => sum + (live(i) ? value * direction[i]! : 0), 0);
      expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-6 * Math.max(scale, Math.abs(expected)));
    }
    // Slots without a token keep their poison, all others got a number.
    for (const [i, value] of found.entries()) expect(Number.isFinite(value)).toBe(live(i));
  }
}

describe("attention backward against finite differences in float64", () => {
  test.each([
    ["full", [full, full]],
    ["streaming", [streaming, streaming]],
    ["selected", [selected, selected]],
    ["mixed", [selected, full, streaming]],
  ] as const)("%s heads", (_, patterns) => {
    expectFiniteDifferences({ lengths: [[19, 19]], patterns, group: 2 });
  });

  test.each([1, 2, 3, 4, 7])("groups of %i query heads", (group) => {
    expectFiniteDifferences({ lengths: [[11, 11]], patterns: [full, streaming], group });
  });

  test.each([[1, 1], [1, 13], [5, 12], [8, 8], [9, 33]] as const)("%i queries at the end of %i keys", (queries, keys) => {
    expectFiniteDifferences({ lengths: [[queries, keys]], patterns: [full, streaming, selected], group: 2 });
  });

  test.each([0.4, 3, 50])("scores capped at %d", (softCap) => {
    expectFiniteDifferences({ lengths: [[13, 13], [4, 21]], patterns: [full, streaming, selected], group: 2, softCap });
  });

  test("sinks below, among and far above the scores, and of no weight", () => {
    expectFiniteDifferences({ lengths: [[13, 13], [4, 21]], patterns: [full, sliding(5)], group: 2, sinkLogits: [-4, 1, 12, -Infinity] });
  });

  test.each([1, 2, 5, 100])("sliding windows of %i tokens with a cap and sinks", (windowTokens) => {
    const patterns = [sliding(windowTokens), full];
    expectFiniteDifferences({ lengths: [[13, 13], [4, 21]], patterns, group: 2, softCap: 2, sinkLogits: [0, 1, 2, -1] });
  });

  test("a ragged batch", () => {
    expectFiniteDifferences({ lengths: [[1, 1], [13, 13], [4, 21], [17, 18]], patterns: [selected, streaming, full], group: 2, headDim: 5 });
  });
});

describe("attention backward", () => {
  const options: Case = { lengths: [[9, 9], [3, 7]], patterns: [full, streaming], group: 2 };

  test("accumulates, leaves rows outside of the sequences alone", () => {
    const pass = new Pass(options);
    pass.backward();
    const once = pass.inputs().map(({ gradient }) => numbers(gradient));
    pass.backward({ accumulate: true, deterministic: true });
    for (const [which, { gradient, live }] of pass.inputs().entries()) {
      for (const [i, value] of numbers(gradient).entries()) if (live(i)) expect(value).toBe(2 * once[which]![i]!);
    }
    const only = new Pass(options);
    only.loss();
    backend.kernels.run(attentionBackward, { ...only.call(), sequences: only.sequences.slice(1), cacheGradients: only.cacheGradients.slice(1) });
    expect(numbers(only.queryGradient.rows(0, 9)).every(Number.isNaN)).toBe(true);
    expect(numbers(only.queryGradient.rows(9, 12))).toEqual(numbers(pass.queryGradient.rows(9, 12)).map((value) => value / 2));
  });

  test("rows that see nothing get no gradient and give none", () => {
    const pass = new Pass({ lengths: [[10, 10]], patterns: [selected], group: 1, density: 0 });
    pass.backward();
    const gradients = pass.inputs().flatMap(({ gradient, live }) => numbers(gradient).filter((_, i) => live(i)));
    expect(gradients.every((value) => value === 0)).toBe(true);
  });

  test("calls that contradict themselves are refused", () => {
    const pass = new Pass(options);
    pass.loss();
    const run = (change: Partial<AttentionBackwardCall>) => () => backend.kernels.run(attentionBackward, { ...pass.call(), ...change });
    expect(run({})).not.toThrow();
    expect(run({ cacheGradients: pass.cacheGradients.slice(1) })).toThrow(/1 cache gradients for 2 sequences/);
    expect(run({ cacheGradients: pass.cacheGradients.toReversed() })).toThrow(/gradient of the keys must be/);
    expect(run({ logSumExp: pass.query })).toThrow(/logSumExp must be/);
    expect(run({ outputGradient: pass.logSumExp })).toThrow(/outputGradient must be/);
    const [first, second] = pass.sequences;
    expect(run({ sequences: [{ ...first!, routing: knownPatterns([full]) }, second!] })).toThrow(/attentionBackward: the heads/);
    const pages = { pageTokens: 128, entries: pass.query, host: new Int32Array(1) };
    expect(run({ sequences: [{ ...first!, cache: { ...first!.cache, pages } }, second!] })).toThrow(/in pages of a pool/);
    const ring = headStores([{ type: "sink-ring", sinkTokens: 4, ringTokens: 4 }, { type: "all" }], 9, 0);
    expect(run({ sequences: [{ ...first!, cache: { ...first!.cache, heads: ring } }, second!] })).toThrow(/keeps a ring/);
  });
});
