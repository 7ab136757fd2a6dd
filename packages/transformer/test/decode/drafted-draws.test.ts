import { ReferenceBackend } from "@elastic-attention/tensor";
import { expect, test } from "vitest";
import { drawTokens, type TokenMasks, TokenSampler, type TokenSamplerParameters } from "../../src/index.js";

const vocabulary = 6;
/** Logits of three positions: behind the last token, and behind each token of a draft. */
const logits = [
  [1.2, 0.3, -0.5, 2, 0.1, -1],
  [0, 1.5, 0.7, -0.4, 0.9, 0.2],
  [-1, 0.4, 1.1, 0.6, 0, 1.9],
];

/** Tokens that a sequence gets in a step, with a draft. */
function drawn(backend: ReferenceBackend, draft: readonly number[], parameters: TokenSamplerParameters, masks?: TokenMasks): number[] {
  using sampler = new TokenSampler(backend, vocabulary, parameters, [], masks);
  using rows = backend.upload(Float32Array.from(logits.slice(0, 1 + draft.length).flat()), [1 + draft.length, vocabulary], "f32");
  return drawTokens(rows, [{ sampler, draft }])[0]!.map(({ token }) => token);
}

/** Tokens that it gets one by one, each position's logits as if what was drawn had been drafted. */
function oneByOne(backend: ReferenceBackend, count: number, parameters: TokenSamplerParameters, masks?: TokenMasks): number[] {
  using sampler = new TokenSampler(backend, vocabulary, parameters, [], masks);
  return logits.slice(0, count).map((row) => {
    using tensor = backend.upload(Float32Array.from(row), [1, vocabulary], "f32");
    return drawTokens(tensor, [{ sampler }])[0]![0]!.token;
  });
}

function probabilities(row: readonly number[]): number[] {
  const weights = row.map(Math.exp);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** Pearson's statistic of counts against probabilities. */
function chiSquare(counts: readonly number[], expected: readonly number[]): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.reduce((sum, count, token) => sum + (count - total * expected[token]!) ** 2 / (total * expected[token]!), 0);
}

test("each drafted position draws by the model's probabilities, whatever was drafted: chi-square over 12 000 seeds", () => {
  using backend = new ReferenceBackend();
  // 1 of 1000 samples of 5 degrees of freedom lies above.
  const limit = 20.5;
  for (const draft of [[3, 1], [2, 5], [0, 0]]) {
    const counts = logits.map(() => Array.from({ length: vocabulary }, () => 0));
    for (let seed = 0; seed < 12_000; seed++) {
      for (const [position, token] of drawn(backend, draft, { temperature: 1, seed }).entries()) counts[position]![token]! += 1;
    }
    const reached = counts.map((each) => each.reduce((sum, count) => sum + count, 0));
    expect(reached[0]).toBe(12_000);
    // A draft's token is accepted as often as the model would draw it.
    expect(Math.abs(reached[1]! / 12_000 - probabilities(logits[0]!)[draft[0]!]!)).toBeLessThan(0.02);
    for (const [position, each] of counts.entries()) {
      if (reached[position]! > 300) expect(chiSquare(each, probabilities(logits[position]!)), `position ${position}`).toBeLessThan(limit);
    }
  }
});

test("a seed draws with a draft what it draws without, up to the first token that the draft did not foresee", () => {
  using backend = new ReferenceBackend();
  for (const parameters of [{ temperature: 0.9 }, { temperature: 1.3, topK: 3 }, { temperature: 1, frequencyPenalty: 1.5 }, { temperature: 1, repetitionPenalty: 2 }, {}]) {
    const lengths = new Set<number>();
    for (let seed = 0; seed < 300; seed++) {
      const draft = [seed % vocabulary, (seed * 5 + 1) % vocabulary];
      const tokens = drawn(backend, draft, { ...parameters, seed });
      expect(tokens).toEqual(oneByOne(backend, tokens.length, { ...parameters, seed }));
      expect(tokens.slice(0, -1)).toEqual(draft.slice(0, tokens.length - 1));
      if (tokens.length <= draft.length) expect(tokens.at(-1)).not.toBe(draft[tokens.length - 1]);
      lengths.add(tokens.length);
    }
    expect(lengths.size).toBeGreaterThan(1);
  }
});

test("masks hold position by position, and what completes a text is its last token", () => {
  using backend = new ReferenceBackend();
  const told: [number, number][] = [];
  const masks: TokenMasks = {
    // The token that is as far from 5 as there are draws.
    nextMask: (draws) => Int32Array.of(1 << (5 - draws)),
    drawn(token, draws) {
      told.push([token, draws]);
      return draws === 1 ? "last" : "more";
    },
  };
  expect(drawn(backend, [5, 4], {}, masks)).toEqual([5, 4]);
  expect(told).toEqual([[5, 0], [4, 1]]);
  expect(drawn(backend, [4, 4], {}, masks)).toEqual([5]);
  expect(drawn(backend, [5, 3], {}, { ...masks, drawn: () => "refused" })).toEqual([-1]);
});

test("sequences with and without drafts share a step, and one without a finite logit ends alone", () => {
  using backend = new ReferenceBackend();
  using rows = backend.upload(Float32Array.from([...logits.flat(), ...Array.from({ length: vocabulary }, () => Number.NaN), ...logits[0]!]), [5, vocabulary], "f32");
  using first = new TokenSampler(backend, vocabulary, { presencePenalty: 0.1 });
  using second = new TokenSampler(backend, vocabulary);
  using third = new TokenSampler(backend, vocabulary);
  const draws = drawTokens(rows, [{ sampler: first, draft: [3, 1] }, { sampler: second }, { sampler: third }]);
  expect(draws.map((each) => each.map(({ token }) => token))).toEqual([[3, 1, 5], [-1], [3]]);
  expect([first.draws, second.draws, third.draws]).toEqual([3, 0, 1]);
});
