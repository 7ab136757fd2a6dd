import { signedRandom } from "@elastic-attention/fixtures";
import { MemoryScope } from "@elastic-attention/core";
import {
  type AttentionMode,
  blockMaskFromHost,
  type BlockPattern,
  hybridAttention,
  knownPatterns,
  PagePool,
  SequenceCache,
  xattentionEstimate,
} from "@elastic-attention/attention";
import { type Backend, type FloatDType, ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import type { BackendUnderTest } from "../../backend-under-test.js";
import { poisoned, randomTensor, relativeError } from "../../random-tensors.js";

interface Case {
  readonly headDim: number;
  readonly queryHeads: number;
  readonly kvHeads: number;
  /** Tokens of the first prefill, then of each later append. */
  readonly appends: readonly number[];
  readonly scale?: number;
}

const cases: readonly Case[] = [
  { headDim: 64, queryHeads: 4, kvHeads: 4, appends: [1] },
  { headDim: 64, queryHeads: 8, kvHeads: 4, appends: [33, 1, 1, 5] },
  { headDim: 128, queryHeads: 8, kvHeads: 4, appends: [150, 1, 40] },
  { headDim: 96, queryHeads: 4, kvHeads: 4, appends: [257, 1, 1] },
  { headDim: 64, queryHeads: 32, kvHeads: 4, appends: [97, 1], scale: 40 },
  { headDim: 8, queryHeads: 4, kvHeads: 4, appends: [70, 1, 3] },
  { headDim: 40, queryHeads: 12, kvHeads: 4, appends: [45, 2] },
];

const streaming: AttentionMode = { kind: "streaming", sinkTokens: 16, localTokens: 32, blockSize: 16 };
const wide: AttentionMode = { kind: "streaming", sinkTokens: 1, localTokens: 64, blockSize: 64 };
const modes: readonly AttentionMode[] = [{ kind: "full" }, streaming, { kind: "xattention", stride: 8, threshold: 0.8, blockSize: 32 }, wide];

/** Attention after every append: outputs and log-sum-exps. Head 2 reads random blocks at the first prefill. */
function attend(backend: Backend, shape: Case, dtype: FloatDType, paged = false): { outputs: Float32Array; logSumExps: Float32Array } {
  const { headDim, queryHeads, kvHeads, appends, scale = 1 } = shape;
  using scope = new MemoryScope();
  const pool = paged ? { pool: scope.track(new PagePool({ backend, headDim, dtype })) } : {};
  const cache = scope.track(new SequenceCache({ backend, numLayers: 1, numKeyValueHeads: kvHeads, headDim, dtype, ...pool }));
  const [outputs, logSumExps]: [number[], number[]] = [[], []];
  for (const [turn, tokens] of appends.entries()) {
    const keys = scope.track(randomTensor(backend, [tokens, kvHeads, headDim], dtype, 100 + turn, scale));
    const values = scope.track(randomTensor(backend, [tokens, kvHeads, headDim], dtype, 200 + turn, scale));
    cache.append(0, keys, values);
    const query = scope.track(randomTensor(backend, [tokens, queryHeads, headDim], dtype, 300 + turn));
    const output = scope.track(poisoned(backend, query.shape, dtype));
    const logSumExp = scope.track(poisoned(backend, [tokens, queryHeads], "f32"));
    const patterns: readonly BlockPattern[] = [
      { type: "full" },
      { type: "streaming", sinkBlocks: 1, localBlocks: 2, blockSize: 16 },
      { type: "selected", blockSize: 32 },
      { type: "streaming", sinkBlocks: 1, localBlocks: 1, blockSize: 64 },
    ];
    const blocks = Math.ceil(tokens / 32);
    const random = signedRandom(400);
    // Rows that choose nothing at all stay in: they give zeros.
    const bytes = Uint8Array.from({ length: queryHeads * blocks * blocks }, () => (random() > 0.2 ? 1 : 0));
    using mask = blockMaskFromHost(backend, bytes, { blockSize: 32, numQueryHeads: queryHeads, keyBlocks: blocks });
    const routing = turn === 0 ? knownPatterns(patterns, mask) : cache.decodePatterns(0);
    const sequence = { start: 0, length: tokens, cache: cache.layer(0), routing };
    backend.kernels.run(hybridAttention, { query, output, sequences: [sequence], scale: headDim ** -0.5, logSumExp });
    cache.settle(0, modes);
    for (const value of output.toFloat32()) outputs.push(value);
    for (const value of logSumExp.toFloat32()) logSumExps.push(value);
  }
  return { outputs: Float32Array.from(outputs), logSumExps: Float32Array.from(logSumExps) };
}

/** What is right, the same for every backend under test. */
const references = new Map<string, ReturnType<typeof attend>>();

function reference(shape: Case, dtype: FloatDType): ReturnType<typeof attend> {
  const key = `${JSON.stringify(shape)} ${dtype}`;
  const known = references.get(key) ?? attend(new ReferenceBackend(), shape, dtype);
  references.set(key, known);
  return known;
}

/** The hybrid attention call and the choice of blocks against the reference backend. */
export function describeAttentionKernels(subject: BackendUnderTest): void {
  describe(`hybrid attention of ${subject.name}`, () => {
    test.each(cases)("head_dim $headDim, $queryHeads/$kvHeads heads, appends $appends", (shape) => {
      using backend = subject.create();
      for (const dtype of subject.dtypes) {
        const [actual, expected] = [attend(backend, shape, dtype), reference(shape, dtype)];
        // bf16: weights and results are rounded once each.
        const tolerance = dtype === "f32" ? 2e-5 : 2 ** -7;
        expect(relativeError(actual.outputs, expected.outputs)).toBeLessThan(tolerance);
        expect(relativeError(actual.logSumExps, expected.logSumExps)).toBeLessThan(2e-5);
        expect(backend.memory().liveAllocations).toBe(0);
        const paged = attend(backend, shape, dtype, true);
        expect(relativeError(paged.outputs, expected.outputs)).toBeLessThan(tolerance);
        expect(relativeError(paged.logSumExps, expected.logSumExps)).toBeLessThan(2e-5);
        expect(backend.memory().liveAllocations).toBe(0);
      }
    });

    // Many short ones share the threads in another way than few.
    test.each([
      ["three", [70, 1, 130]],
      ["thirty", Array.from({ length: 30 }, (_, index) => 1 + ((index * 37) % 90))],
    ])("a batch of %s sequences equals each alone, and a second run the first", (_, lengths) => {
      const together = () => {
        using backend = subject.create();
        using scope = new MemoryScope();
        const total = lengths.reduce((sum, length) => sum + length, 0);
        const query = scope.track(randomTensor(backend, [total, 4, 64], "bf16", 1));
        const [batch, alone] = [0, 1].map(() => scope.track(poisoned(backend, query.shape, "bf16")));
        let start = 0;
        const sequences = lengths.map((length, index) => {
          const cache = scope.track(new SequenceCache({ backend, numLayers: 1, numKeyValueHeads: 2, headDim: 64, dtype: "bf16" }));
          const keys = scope.track(randomTensor(backend, [length, 2, 64], "bf16", 10 + index));
          cache.append(0, keys, keys);
          const patterns: BlockPattern[] = [{ type: "full" }, { type: "streaming", sinkBlocks: 1, localBlocks: (index % 4) + 1, blockSize: 32 }];
          const sequence = { start, length, cache: cache.layer(0), routing: knownPatterns(patterns) };
          start += length;
          return sequence;
        });
        backend.kernels.run(hybridAttention, { query, output: batch!, sequences, scale: 0.125 });
        for (const sequence of sequences) backend.kernels.run(hybridAttention, { query, output: alone!, sequences: [sequence], scale: 0.125 });
        expect(batch!.download()).toEqual(alone!.download());
        return batch!.download();
      };
      expect(together()).toEqual(together());
    });
  });

  describe(`hybrid attention of ${subject.name} under patterns that are decided on the device`, () => {
    // The last choice is one that tiles of 128 keys cannot take.
    const choices: readonly BlockPattern[] = [
      { type: "full" },
      { type: "streaming", sinkBlocks: 1, localBlocks: 1, blockSize: 128 },
      { type: "streaming", sinkBlocks: 0, localBlocks: 2, blockSize: 128 },
      { type: "streaming", sinkBlocks: 1, localBlocks: 2, blockSize: 32 },
    ];
    test.each([[2, 64], [3, 96], [4, 128]] as const)("equals the same patterns from the host: %i choices, head_dim %i", (count, headDim) => {
      for (const dtype of subject.dtypes) {
        using backend = subject.create();
        using scope = new MemoryScope();
        const lengths = [70, 1, 700, 20, 129];
        const total = lengths.reduce((sum, length) => sum + length, 0);
        const query = scope.track(randomTensor(backend, [total, 8, headDim], dtype, 1));
        const [decided, known] = [0, 1].map(() => scope.track(poisoned(backend, query.shape, dtype)));
        const random = signedRandom(7);
        const assignment = Uint8Array.from({ length: 4 * (lengths.length + 1) }, () => Math.floor(Math.abs(random()) * count) % count);
        const decision = { assignment: scope.track(backend.upload(new Uint8Array(assignment.length), [lengths.length + 1, 4], "u8")), choices: choices.slice(0, count) };
        let start = 0;
        const sequences = lengths.map((length, index) => {
          const cache = scope.track(new SequenceCache({ backend, numLayers: 1, numKeyValueHeads: 4, headDim, dtype }));
          const keys = scope.track(randomTensor(backend, [length, 4, headDim], dtype, 10 + index));
          cache.append(0, keys, keys);
          // The first row belongs to another.
          const row = index + 1;
          const sequence = { start, length, cache: cache.layer(0), routing: { type: "decision", ...decision, row } as const };
          start += length;
          return sequence;
        });
        // It arrives ahead of the call and no sooner.
        backend.write(decision.assignment, assignment);
        backend.kernels.run(hybridAttention, { query, output: decided!, sequences, scale: headDim ** -0.5 });
        const told = sequences.map((sequence) => {
          const row = 4 * sequence.routing.row;
          return { ...sequence, routing: knownPatterns(Array.from(assignment.subarray(row, row + 4), (choice) => choices[choice]!)) };
        });
        backend.kernels.run(hybridAttention, { query, output: known!, sequences: told, scale: headDim ** -0.5 });
        // Patterns that are known may go to another kernel than choices of which one needs small blocks.
        if (count < choices.length) expect(Buffer.compare(decided!.download(), known!.download())).toBe(0);
        else expect(relativeError(decided!.toFloat32(), known!.toFloat32())).toBeLessThan(dtype === "f32" ? 2e-5 : 2 ** -7);
      }
    });
  });

  describe(`the XAttention estimate of ${subject.name}`, () => {
    test.each([
      { tokens: 1, stride: 8 },
      { tokens: 130, stride: 8 },
      { tokens: 300, stride: 16 },
      { tokens: 257, stride: 32 },
      { tokens: 300, stride: 16, scale: 0.6 },
      { tokens: 257, stride: 8, scale: 0.3, softCap: 2 },
    ])("$tokens tokens, stride $stride, scale $scale, soft cap $softCap", ({ tokens, stride, ...scores }) => {
      const estimate = (backend: Backend, paged: boolean): Uint8Array => {
        using scope = new MemoryScope();
        const pool = paged ? { pool: scope.track(new PagePool({ backend, headDim: 32, dtype: "f32" })) } : {};
        const cache = scope.track(new SequenceCache({ backend, numLayers: 1, numKeyValueHeads: 2, headDim: 32, dtype: "f32", ...pool }));
        const keys = scope.track(randomTensor(backend, [tokens, 2, 32], "f32", 5, 3));
        cache.append(0, keys, keys);
        const query = scope.track(randomTensor(backend, [tokens, 4, 32], "f32", 6, 3));
        const mode = { kind: "xattention", stride, threshold: 0.7, blockSize: 64 } as const;
        using mask = backend.kernels.run(xattentionEstimate, { query, cache: cache.layer(0), keyValueHeads: [1], mode, ...scores });
        const blocks = mask.keyBlocks;
        return mask.visited.download().slice(2 * blocks * blocks);
      };
      using subjectBackend = subject.create();
      const expected = estimate(new ReferenceBackend(), false);
      for (const paged of [false, true]) expect(estimate(subjectBackend, paged)).toEqual(expected);
    });
  });
}
