import * as fc from "fast-check";
import { NoFiniteLogitError } from "@elastic-attention/core";
import { ReferenceBackend } from "@elastic-attention/tensor";
import { sampleLogits, TokenSampler } from "@elastic-attention/transformer";
import { describe, expect, test } from "vitest";
import { InvalidRequestError, type SamplingParameters, StopFilter } from "../../src/index.js";
import { checkSampling } from "../../src/sampling/checked-sampling.js";

/** Draws as requests do: checked parameters, the sampler and the kernel that every token of an answer comes from. */
class Draws implements Disposable {
  readonly #backend = new ReferenceBackend();
  readonly #sampler: TokenSampler;

  constructor(parameters: SamplingParameters = {}, prompt: readonly number[] = [], vocabulary = 4) {
    this.#sampler = new TokenSampler(this.#backend, vocabulary, checkSampling(parameters), prompt);
  }

  next(...logits: readonly number[]): number {
    using tensor = this.#backend.upload(Float32Array.from(logits), [1, logits.length], "f32");
    return sampleLogits(tensor, [this.#sampler])[0]!;
  }

  [Symbol.dispose](): void {
    this.#sampler[Symbol.dispose]();
  }
}

/** The first token of a request with these parameters. */
function first(logits: readonly number[], parameters: SamplingParameters = {}, prompt: readonly number[] = []): number {
  using draws = new Draws(parameters, prompt, logits.length);
  return draws.next(...logits);
}

/** Share of each token in many draws from the same logits, each of a seed of its own. */
function shares(logits: readonly number[], parameters: SamplingParameters, draws = 20_000): number[] {
  const backend = new ReferenceBackend();
  using tensor = backend.upload(Float32Array.from(Array.from({ length: draws }, () => logits).flat()), [draws, logits.length], "f32");
  const samplers = Array.from({ length: draws }, (_, seed) => new TokenSampler(backend, logits.length, checkSampling({ seed, ...parameters })));
  const counts = logits.map(() => 0);
  for (const token of sampleLogits(tensor, samplers)) counts[token]! += 1;
  return counts.map((count) => count / draws);
}

const probabilities = [0.5, 0.3, 0.15, 0.05];
const logits = probabilities.map(Math.log);

function expectShares(actual: readonly number[], expected: readonly number[]): void {
  for (const [i, share] of expected.entries()) expect(Math.abs(actual[i]! - share)).toBeLessThan(share === 0 ? 1e-9 : 0.015);
}

describe("sampling", () => {
  test("is greedy by default, the first of equals", () => {
    expect(first([1, 3, 3, -1])).toBe(1);
    expect(first([NaN, -Infinity, -5])).toBe(2);
  });

  test("draws by probability, sharpened by temperature", () => {
    expectShares(shares(logits, { temperature: 1 }), probabilities);
    const squared = probabilities.map((p) => p * p);
    const total = squared.reduce((a, b) => a + b);
    expectShares(shares(logits, { temperature: 0.5 }), squared.map((p) => p / total));
  });

  test("with top-k, top-p or min-p cuts the tail", () => {
    expectShares(shares(logits, { temperature: 1, topK: 2 }), [0.625, 0.375, 0, 0]);
    expectShares(shares(logits, { temperature: 1, topP: 0.79 }), [0.625, 0.375, 0, 0]);
    expectShares(shares(logits, { temperature: 1, topP: 0.01 }), [1, 0, 0, 0]);
    expectShares(shares(logits, { temperature: 1, minP: 0.25 }), [0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0]);
  });

  test("penalises tokens of the prompt and of the answer", () => {
    expect(first([3, 2], { repetitionPenalty: 2 }, [0])).toBe(1);
    expect(first([-3, -2], { repetitionPenalty: 2 }, [1])).toBe(0);
    using draws = new Draws({ repetitionPenalty: 10 }, [], 3);
    expect([0, 1, 2].map(() => draws.next(3, 2, 1))).toEqual([0, 1, 2]);
  });

  test("is the same for the same seed", () => {
    const draw = (seed: number) => {
      using draws = new Draws({ temperature: 1, seed });
      return Array.from({ length: 20 }, () => draws.next(...logits));
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });

  test.each<SamplingParameters>([
    { temperature: -1 },
    { temperature: NaN },
    { topK: 1.5 },
    { topP: 0 },
    { minP: 2 },
    { repetitionPenalty: 0 },
    { seed: 0.5 },
  ])("with %j is refused", (parameters) => expect(() => checkSampling(parameters)).toThrow(InvalidRequestError));

  test("from logits without a number is an error", () => {
    expect(() => first([NaN, NaN])).toThrow(NoFiniteLogitError);
  });
});

describe("stop texts", () => {
  test("never show, however the text is cut", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 3 }), { maxLength: 12 }), (pieces) => {
        const stops = ["abc", "cc"];
        const whole = pieces.join("");
        const filter = new StopFilter(stops);
        const shown = pieces.map((piece) => filter.push(piece)).join("") + filter.flush();
        const first = Math.min(...stops.map((stop) => (whole.includes(stop) ? whole.indexOf(stop) : Infinity)));
        expect(shown).toBe(whole.slice(0, first));
        expect(filter.stopped).toBe(first !== Infinity);
      }),
    );
  });
});
