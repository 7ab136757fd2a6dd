import { MemoryScope } from "@elastic-attention/core";
import { type BlockPattern, hybridAttention, knownPatterns, PagePool, SequenceCache } from "@elastic-attention/attention";
import { type Backend, type FloatDType, hostArray, ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import type { BackendUnderTest } from "../../backend-under-test.js";
import { poisoned, randomTensor, relativeError, uploadFloats } from "../../random-tensors.js";

const [headDim, kvHeads, group, block] = [64, 2, 2, 128];
const queryHeads = kvHeads * group;

/** What one call gives of a sequence. */
interface Attended {
  readonly output: Float32Array;
  readonly logSumExp: Float32Array;
  readonly skipped: number;
  readonly tiles: number;
}

interface Prompt {
  /** [tokens, kvHeads, headDim], and queries [tokens, queryHeads, headDim]. */
  readonly keys: Float32Array;
  readonly query: Float32Array;
  readonly scale: number;
}

/** Attention of the last `rows` rows of a sequence whose first head has a threshold; outputs are NaN before, a row too many among them. */
function attend(backend: Backend, prompt: Prompt, dtype: FloatDType, rows: number, paged: boolean, pattern: BlockPattern): Attended {
  const tokens = prompt.query.length / (queryHeads * headDim);
  using scope = new MemoryScope();
  const pool = paged ? { pool: scope.track(new PagePool({ backend, headDim, dtype })) } : {};
  const cache = scope.track(new SequenceCache({ backend, numLayers: 1, numKeyValueHeads: kvHeads, headDim, dtype, ...pool }));
  const keys = scope.track(uploadFloats(backend, prompt.keys, [tokens, kvHeads, headDim], dtype));
  cache.append(0, keys, scope.track(randomTensor(backend, [tokens, kvHeads, headDim], dtype, 9)));
  const query = scope.track(uploadFloats(backend, prompt.query.slice((tokens - rows) * queryHeads * headDim), [rows, queryHeads, headDim], dtype));
  const output = scope.track(poisoned(backend, [rows, queryHeads, headDim], dtype));
  const logSumExp = scope.track(poisoned(backend, [rows, queryHeads], "f32"));
  const tileCounts = scope.track(backend.upload(new Int32Array(2 * queryHeads), [2, queryHeads], "i32"));
  const sequences = [{ start: 0, length: rows, cache: cache.layer(0), routing: knownPatterns([pattern, { type: "full" }]), tileCounts }];
  backend.kernels.run(hybridAttention, { query, output, sequences, logSumExp, scale: prompt.scale });
  const counts = hostArray(tileCounts.download(), "i32");
  // The head without a threshold counts nothing.
  expect(Array.from([2, 3, 6, 7], (index) => counts[index])).toEqual([0, 0, 0, 0]);
  const sum = (at: number) => counts[at]! + counts[at + 1]!;
  return { output: output.toFloat32(), logSumExp: logSumExp.toFloat32(), skipped: sum(0), tiles: sum(queryHeads) };
}

/**
 * Keys of a block score alike, 0 or `low` where the block is light, and 0 in a query's own block: what is skipped is the same in
 * whatever order and size tiles are taken.
 */
function stepped(tokens: number, isLight: (index: number) => boolean, low: number): Prompt {
  const [keys, query] = [new Float32Array(tokens * kvHeads * headDim), new Float32Array(tokens * queryHeads * headDim)];
  for (let token = 0; token < tokens; token++) {
    const own = Math.floor(token / block);
    const score = isLight(own) ? low : 0;
    for (let head = 0; head < kvHeads; head++) keys.set([score, ...oneAt(own)], (token * kvHeads + head) * headDim);
    for (let head = 0; head < queryHeads; head++) query.set([1, ...oneAt(own).map((one) => (one === 0 ? 0 : -score))], (token * queryHeads + head) * headDim);
  }
  return { keys, query, scale: 1 };
}

const oneAt = (index: number): number[] => Array.from({ length: headDim - 1 }, (_, place) => (place === index ? 1 : 0));

/** Some keys count far more than others. */
function random(tokens: number, magnitude: number): Prompt {
  const host = new ReferenceBackend();
  const floats = (heads: number, seed: number) => {
    using tensor = randomTensor(host, [tokens, heads, headDim], "f32", seed, magnitude);
    return tensor.toFloat32();
  };
  return { keys: floats(kvHeads, 1), query: floats(queryHeads, 2), scale: headDim ** -0.5 };
}

const prompts = [
  { tokens: 450, rows: 450, light: "every other block", isLight: (index: number) => index % 2 === 1 },
  { tokens: 777, rows: 150, light: "all blocks but the first", isLight: (index: number) => index > 0 },
  { tokens: 640, rows: 130, light: "every third block", isLight: (index: number) => index % 3 === 2 },
] as const;

const full: BlockPattern = { type: "full" };
const tolerances = { f32: 2e-5, bf16: 2 ** -7, f16: 2 ** -9 } as const;

const references = new Map<string, Attended>();

/** By the reference backend: computed once for all subjects. */
function reference(name: string, prompt: Prompt, dtype: FloatDType, rows: number, pattern: BlockPattern): Attended {
  const known = references.get(name) ?? attend(new ReferenceBackend(), prompt, dtype, rows, false, pattern);
  references.set(name, known);
  return known;
}

/** Tiles that a threshold skips: against the reference backend, full attention, and the bound of what may be left out. */
export function describeThreshold(subject: BackendUnderTest): void {
  describe(`a threshold on tiles of ${subject.name}`, () => {
    test.each(prompts)("leaves out what lies below it: $light light, $rows of $tokens rows", ({ tokens, rows, light, isLight }) => {
      using backend = subject.create();
      const prompt = stepped(tokens, isLight, -1.5);
      // Light keys lie below by 1.5; the limit is between 0 and 1.
      const pattern: BlockPattern = { type: "threshold", factor: tokens * Math.exp(-1) };
      for (const dtype of subject.dtypes) {
        const expected = reference(`${light} ${dtype}`, prompt, dtype, rows, pattern);
        const whole = reference(`${light} ${dtype} full`, prompt, dtype, rows, full);
        expect(relativeError(whole.output, expected.output)).toBeGreaterThan(2 * tolerances[dtype]);
        for (const paged of [false, true]) {
          const actual = attend(backend, prompt, dtype, rows, paged, pattern);
          expect(relativeError(actual.output, expected.output)).toBeLessThan(tolerances[dtype]);
          expect(relativeError(actual.logSumExp, expected.logSumExp)).toBeLessThan(2e-5);
          // A kernel without tiles of rows counts none.
          if (actual.tiles > 0) expect(Math.abs(actual.skipped / actual.tiles - expected.skipped / expected.tiles)).toBeLessThan(0.1);
        }
        expect(backend.memory().liveAllocations).toBe(0);
      }
    });

    test.each([{ rows: 400 }, { rows: 60 }, { rows: 7 }, { rows: 1 }])("what is left out weighs less than the factor, $rows of 600 rows", ({ rows }) => {
      using backend = subject.create();
      const [prompt, factor] = [random(600, 5), 0.02];
      const largest = 4.5;
      for (const dtype of subject.dtypes) {
        const whole = reference(`random ${rows} ${dtype} full`, prompt, dtype, rows, full);
        if (rows > 1) expect(reference(`random ${rows} ${dtype}`, prompt, dtype, rows, { type: "threshold", factor }).skipped).toBeGreaterThan(0);
        for (const paged of [false, true]) {
          const { output } = attend(backend, prompt, dtype, rows, paged, { type: "threshold", factor });
          expect(output.every(Number.isFinite)).toBe(true);
          const bound = 2 * factor * largest + largest * tolerances[dtype];
          expect(output.reduce((most, value, index) => Math.max(most, Math.abs(value - whole.output[index]!)), 0)).toBeLessThan(bound);
        }
      }
    });

    test("a threshold that leaves nothing out is full attention, and any factor leaves the heaviest keys", () => {
      using backend = subject.create();
      const prompt = random(300, 2);
      for (const dtype of subject.dtypes) {
        const whole = attend(backend, prompt, dtype, 300, true, full);
        const tiny = attend(backend, prompt, dtype, 300, true, { type: "threshold", factor: 1e-30 });
        expect(relativeError(tiny.output, whole.output)).toBeLessThan(tolerances[dtype]);
        expect(tiny.skipped).toBe(0);
        const { output } = attend(backend, prompt, dtype, 300, true, { type: "threshold", factor: 1e30 });
        expect(output.every(Number.isFinite)).toBe(true);
      }
    });

    test("a key that is not a number is seen, however low its neighbours score", () => {
      using backend = subject.create();
      const prompt = stepped(400, (index) => index % 2 === 1, -3);
      prompt.keys.fill(NaN, 140 * kvHeads * headDim, 140 * kvHeads * headDim + headDim);
      for (const dtype of subject.dtypes) {
        const { output } = attend(backend, prompt, dtype, 400, true, { type: "threshold", factor: 80 });
        const rowOf = (token: number) => output.slice(token * queryHeads * headDim, token * queryHeads * headDim + headDim);
        for (const token of [140, 300, 399]) expect(rowOf(token).every(Number.isNaN)).toBe(true);
        expect(rowOf(139).every(Number.isFinite)).toBe(true);
      }
    });
  });
}
