import { MemoryScope, ShapeError } from "@elastic-attention/core";
import { signedRandom } from "@elastic-attention/fixtures";
import { type Backend, hostArray, logProbabilities, maskWords, ReferenceBackend, type SampledRow, sampleTokens, type TokenSampling } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import type { BackendUnderTest } from "../backend-under-test.js";

const greedy: TokenSampling = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, presencePenalty: 0, frequencyPenalty: 0, uniform: 0 };

/** Tokens and log-probabilities against the reference backend: equal, not close. */
export function describeSamplingKernels(subject: BackendUnderTest): void {
  describe(`sampling on ${subject.name}`, () => {
    test.each([1, 31, 50, 1000, 20_003, 128_256])("draws the tokens that the reference draws, of %i", (vocabulary) => {
      using backend = subject.create();
      expect(drawn(backend, vocabulary)).toEqual(drawn(new ReferenceBackend(), vocabulary));
    });

    test.each([1, 50, 20_003])("tells the log-probabilities that the reference tells, of %i tokens", (vocabulary) => {
      using backend = subject.create();
      expect(told(backend, vocabulary)).toEqual(told(new ReferenceBackend(), vocabulary));
    });

    test("a row without a finite logit has no token, and nothing is counted", () => {
      const rows = [[NaN, NaN, NaN], [-Infinity, NaN, -Infinity], [0, Infinity, 1], [1, 2, 3]];
      using backend = subject.create();
      using scope = new MemoryScope();
      for (const temperature of [0, 1]) {
        const logits = scope.track(backend.upload(Float32Array.from(rows.flat()), [4, 3], "f32"));
        const output = scope.track(backend.allocate([4], "i32"));
        const counts = rows.map(() => scope.track(backend.upload(new Int32Array(3), [1, 3], "i32")));
        const masks = rows.map((_, row) => scope.track(backend.upload(Int32Array.of(row === 3 ? 0 : 7), [1, 1], "i32")));
        const described = rows.map((_, row) => ({ sampling: { ...greedy, temperature }, counts: counts[row], mask: masks[row] }));
        backend.kernels.run(sampleTokens, { logits, output, rows: described });
        expect([...hostArray(output.download(), "i32")]).toEqual([-1, -1, -1, -1]);
        for (const each of counts) expect([...hostArray(each.download(), "i32")]).toEqual([0, 0, 0]);
      }
    });

    test("refuses what does not fit the vocabulary", () => {
      using backend = subject.create();
      using scope = new MemoryScope();
      const logits = scope.track(backend.upload(new Float32Array(40), [1, 40], "f32"));
      const output = scope.track(backend.allocate([1], "i32"));
      const run = (row: Partial<SampledRow>) => backend.kernels.run(sampleTokens, { logits, output, rows: [{ sampling: greedy, ...row }] });
      expect(() => run({ mask: scope.track(backend.allocate([1, 1], "i32")) })).toThrow(ShapeError);
      expect(() => run({ counts: scope.track(backend.allocate([1, 39], "i32")) })).toThrow(ShapeError);
      expect(() => run({ bias: scope.track(backend.allocate([1, 40], "u8")) })).toThrow(ShapeError);
      expect(() => backend.kernels.run(sampleTokens, { logits, output, rows: [] })).toThrow(ShapeError);
    });
  });
}

/** Draws of rows with all kinds of parameters, of logits with many ties, and what the draws left. */
function drawn(backend: Backend, vocabulary: number): { readonly tokens: readonly number[][]; readonly left: readonly number[][] } {
  using scope = new MemoryScope();
  const random = signedRandom(vocabulary);
  const count = vocabulary > 100_000 ? 4 : vocabulary > 10_000 ? 12 : 40;
  const values = Float32Array.from({ length: count * vocabulary }, () => Math.round(16 * (random() + random() + random())) / 4);
  // NaN here and there; the first row has nothing else.
  for (let i = 0; i < values.length; i += 7) values[i] = random() > 0.9 ? NaN : values[i]!;
  values.fill(NaN, 0, vocabulary);
  const logits = scope.track(backend.upload(values, [count, vocabulary], "f32"));
  const output = scope.track(backend.upload(new Int32Array(count).fill(-7), [count], "i32"));
  const rows = Array.from({ length: count }, (_, row) => {
    const sampling: TokenSampling = {
      temperature: row % 4 === 0 ? 0 : 0.5 + row / 20,
      topK: row % 3 === 0 ? 1 + ((row * 7) % 60) : 0,
      topP: row % 5 < 2 ? 0.3 + (row % 7) / 10 : 1,
      minP: row % 6 === 1 ? 0.1 : 0,
      repetitionPenalty: row % 2 === 0 ? 1 : 1.4,
      presencePenalty: row % 5 === 2 ? 0.7 : 0,
      frequencyPenalty: row % 5 > 2 ? 0.3 : 0,
      uniform: ((row * 2654435761) % 4096) / 4096,
    };
    const { repetitionPenalty, presencePenalty, frequencyPenalty } = sampling;
    const integers = (most: number) => Array.from({ length: vocabulary }, () => Math.max(0, Math.floor((most + 1) * random())));
    return {
      sampling,
      seen: repetitionPenalty === 1 ? undefined : scope.track(backend.upload(Uint8Array.from(integers(1)), [1, vocabulary], "u8")),
      counts: presencePenalty + frequencyPenalty === 0 ? undefined : scope.track(backend.upload(Int32Array.from(integers(3)), [1, vocabulary], "i32")),
      bias: row % 7 === 3 ? scope.track(backend.upload(Float32Array.from(integers(3), (each) => each / 3), [1, vocabulary], "f32")) : undefined,
      mask: row % 4 === 1 ? scope.track(backend.upload(randomMask(vocabulary, random), [1, maskWords(vocabulary)], "i32")) : undefined,
    };
  });
  const tokens = Array.from({ length: vocabulary > 10_000 ? 1 : 3 }, () => {
    backend.kernels.run(sampleTokens, { logits, output, rows });
    return [...hostArray(output.download(), "i32")];
  });
  const left = rows.flatMap(({ seen, counts }) => [seen, counts].flatMap((tensor) => (tensor === undefined ? [] : [[...hostArray(tensor.download(), tensor.dtype)]])));
  return { tokens, left };
}

function randomMask(vocabulary: number, random: () => number): Int32Array {
  return Int32Array.from({ length: maskWords(vocabulary) }, () => Math.floor(random() * 2 ** 31));
}

/** Log-probabilities of rows that want none, one, some and the most. */
function told(backend: Backend, vocabulary: number): { readonly values: readonly number[][]; readonly tokens: readonly number[][] } {
  using scope = new MemoryScope();
  const random = signedRandom(vocabulary);
  const most = Math.min(20, vocabulary);
  const top = [0, -1, 1, most, 0, Math.min(5, most)];
  const scales = [1, 1, 30, 4, 1e4, 1e-3];
  const numbers = scales.flatMap((scale) => Array.from({ length: vocabulary }, () => Math.round(64 * random()) * (scale / 8)));
  // Impossible tokens and one that is no number; ties come from the rounding.
  if (vocabulary > 10) for (const [offset, value] of [-Infinity, NaN].entries()) for (let row = 0; row < top.length; row++) numbers[row * vocabulary + 3 + offset] = value;
  const logits = scope.track(backend.upload(Float32Array.from(numbers), [top.length, vocabulary], "f32"));
  const tokens = scope.track(backend.upload(Int32Array.from(top, (_, row) => (row * 17) % vocabulary), [top.length], "i32"));
  const values = scope.track(backend.allocate([top.length, 1 + most], "f32"));
  const topTokens = scope.track(backend.allocate([top.length, most], "i32"));
  backend.kernels.run(logProbabilities, { logits, tokens, top, values, topTokens });
  const wanted = top.flatMap((count, row) => (count < 0 ? [] : [{ count, row }]));
  return {
    values: wanted.map(({ count, row }) => [...values.rows(row, row + 1).toFloat32().subarray(0, 1 + count)]),
    tokens: wanted.map(({ count, row }) => [...hostArray(topTokens.rows(row, row + 1).download(), "i32").subarray(0, count)]),
  };
}
