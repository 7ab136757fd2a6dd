import { MemoryScope } from "@elastic-attention/core";
import { type AttentionMode, type AttentionScores, attentionModeDefinition, hybridAttention, knownPatterns, PagePool, SequenceCache } from "@elastic-attention/attention";
import { type Backend, type FloatDType, ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import type { BackendUnderTest } from "../../backend-under-test.js";
import { poisoned, randomTensor, relativeError } from "../../random-tensors.js";

interface TermsCase {
  readonly about: string;
  readonly headDim: number;
  /** Query heads of a key-value head. */
  readonly group: number;
  /** Tokens of the first prefill, then of each later append. */
  readonly appends: readonly number[];
  /** One for each key-value head. */
  readonly modes: readonly AttentionMode[];
  readonly softCap?: number;
  /** Repeated over the query heads. */
  readonly sinkLogits?: readonly number[];
  readonly scale?: number;
  /** Magnitude of the keys. */
  readonly magnitude?: number;
}

const full: AttentionMode = { kind: "full" };
const streaming: AttentionMode = { kind: "streaming", sinkTokens: 16, localTokens: 32, blockSize: 16 };
const tiles: AttentionMode = { kind: "streaming", sinkTokens: 128, localTokens: 128, blockSize: 128 };
const sliding = (windowTokens: number): AttentionMode => ({ kind: "sliding", windowTokens });
const sinkLogits = [-90, 0.5, -Infinity, 6, -2, 300, 1];

const cases: readonly TermsCase[] = [
  { about: "windows of one and two tokens", headDim: 64, group: 2, appends: [133, 1, 1, 5], modes: [sliding(1), sliding(2)] },
  { about: "windows that are no whole blocks", headDim: 64, group: 2, appends: [200, 1, 1, 40, 3], modes: [sliding(100), full, sliding(129)] },
  { about: "windows longer than the sequence", headDim: 32, group: 1, appends: [70, 1], modes: [sliding(71), sliding(1000)] },
  { about: "rings that wrap", headDim: 32, group: 2, appends: [300, 1, 130, 1, 129, 1, 1], modes: [sliding(64), sliding(128)] },
  { about: "a small cap", headDim: 64, group: 2, appends: [140, 1, 20], modes: [full, tiles], softCap: 0.3, magnitude: 4 },
  { about: "a cap of 50 on large scores", headDim: 128, group: 1, appends: [100, 1, 2], modes: [full, streaming], softCap: 50, magnitude: 30 },
  { about: "a cap far above the scores", headDim: 96, group: 3, appends: [70, 1], modes: [full], softCap: 1e5 },
  { about: "sinks of every size", headDim: 64, group: 8, appends: [97, 1, 50, 4], modes: [full, sliding(70)], sinkLogits },
  { about: "cap, sinks and windows", headDim: 64, group: 3, appends: [150, 1, 3, 60], modes: [full, sliding(100), streaming], sinkLogits, softCap: 5, magnitude: 6 },
  { about: "a scale of its own", headDim: 128, group: 2, appends: [70, 1, 7], modes: [full, sliding(9)], scale: 0.011, magnitude: 20 },
  ...[80, 160, 256].flatMap((headDim) => [
    { about: "nothing else", headDim, group: 1, appends: [131, 1, 7, 50], modes: [full, streaming, tiles] },
    { about: "cap, sinks and windows", headDim, group: 4, appends: [60, 1, 2], modes: [full, sliding(33)], sinkLogits, softCap: 3, magnitude: 3 },
  ]),
];

/** Attention after every append, each head by its mode, which drops what it does not need: outputs and log-sum-exps. */
function attend(backend: Backend, shape: TermsCase, dtype: FloatDType, paged: boolean): readonly [outputs: Float32Array, logSumExps: Float32Array] {
  const { headDim, group, appends, modes, softCap, magnitude = 1, scale = headDim ** -0.5 } = shape;
  const [kvHeads, queryHeads] = [modes.length, modes.length * group];
  using scope = new MemoryScope();
  const pool = paged ? { pool: scope.track(new PagePool({ backend, headDim, dtype })) } : {};
  const cache = scope.track(new SequenceCache({ backend, numLayers: 1, numKeyValueHeads: kvHeads, headDim, dtype, ...pool }));
  const patterns = modes.map((mode) => attentionModeDefinition(mode).pattern(mode));
  const scores: AttentionScores = { scale, softCap, sinkLogits: sinksOf(backend, scope, shape, queryHeads) };
  const [outputs, logSumExps]: [number[], number[]] = [[], []];
  for (const [turn, tokens] of appends.entries()) {
    const keys = scope.track(randomTensor(backend, [tokens, kvHeads, headDim], dtype, 100 + turn, magnitude));
    const values = scope.track(randomTensor(backend, [tokens, kvHeads, headDim], dtype, 200 + turn));
    cache.append(0, keys, values);
    const query = scope.track(randomTensor(backend, [tokens + 1, queryHeads, headDim], dtype, 300 + turn));
    const output = scope.track(poisoned(backend, query.shape, dtype));
    const logSumExp = scope.track(poisoned(backend, [tokens + 1, queryHeads], "f32"));
    // The first row belongs to nobody and stays NaN.
    const sequences = [{ start: 1, length: tokens, cache: cache.layer(0), routing: knownPatterns(patterns) }];
    backend.kernels.run(hybridAttention, { query, output, sequences, logSumExp, ...scores });
    cache.settle(0, modes);
    for (const value of output.toFloat32()) outputs.push(value);
    for (const value of logSumExp.toFloat32()) logSumExps.push(value);
  }
  return [Float32Array.from(outputs), Float32Array.from(logSumExps)];
}

function sinksOf(backend: Backend, scope: MemoryScope, { sinkLogits: sinks }: TermsCase, queryHeads: number) {
  if (sinks === undefined) return undefined;
  const values = Float32Array.from({ length: queryHeads }, (_, head) => sinks[head % sinks.length]!);
  return scope.track(backend.upload(values, [queryHeads], "f32"));
}

/** What is right, the same for every backend under test. */
const references = new Map<string, ReturnType<typeof attend>>();

function reference(shape: TermsCase, dtype: FloatDType) {
  const key = `${JSON.stringify(shape)} ${String(shape.sinkLogits)} ${dtype}`;
  const known = references.get(key) ?? attend(new ReferenceBackend(), shape, dtype, false);
  references.set(key, known);
  return known;
}

/** Soft caps, sinks, sliding windows, scales and head dimensions of other families, against the reference backend. */
export function describeAttentionTerms(subject: BackendUnderTest): void {
  describe(`attention of ${subject.name} with a model's own terms`, () => {
    test.each(cases)("$about: head_dim $headDim, group $group, appends $appends", (shape) => {
      using backend = subject.create();
      for (const dtype of subject.dtypes) {
        const expected = reference(shape, dtype);
        // 16 bits: weights and results are rounded once each.
        const tolerance = dtype === "f32" ? 2e-5 : 2 ** -7;
        for (const paged of [false, true]) {
          const actual = attend(backend, shape, dtype, paged);
          expect(relativeError(actual[0], expected[0]), `outputs in ${dtype}`).toBeLessThan(tolerance);
          expect(relativeError(actual[1], expected[1]), `log-sum-exps in ${dtype}`).toBeLessThan(2e-5);
          expect(backend.memory().liveAllocations).toBe(0);
        }
      }
    });

    test("a window, a sink of no weight, the same prompt in chunks: rows have the bits of the whole prompt", () => {
      using backend = subject.create();
      for (const dtype of subject.dtypes) {
        using scope = new MemoryScope();
        const tokens = 512;
        const keys = scope.track(randomTensor(backend, [tokens, 1, 64], dtype, 1));
        const query = scope.track(randomTensor(backend, [tokens, 2, 64], dtype, 2));
        const sinks = scope.track(backend.upload(new Float32Array(2).fill(-Infinity), [2], "f32"));
        const run = (cuts: readonly number[], scores: Partial<AttentionScores>): Uint8Array => {
          using cache = new SequenceCache({ backend, numLayers: 1, numKeyValueHeads: 1, headDim: 64, dtype });
          using output = poisoned(backend, query.shape, dtype);
          let start = 0;
          for (const end of cuts) {
            cache.append(0, keys.rows(start, end), keys.rows(start, end));
            const sequences = [{ start, length: end - start, cache: cache.layer(0), routing: knownPatterns([{ type: "sliding", windowTokens: 75 }]) }];
            backend.kernels.run(hybridAttention, { query, output, sequences, scale: 0.125, ...scores });
            start = end;
          }
          return output.download();
        };
        const whole = run([tokens], {});
        expect(Buffer.compare(run([tokens], { sinkLogits: sinks }), whole)).toBe(0);
        expect(Buffer.compare(run([128, 256, 384, tokens], {}), whole)).toBe(0);
      }
    });
  });
}
