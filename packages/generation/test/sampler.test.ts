import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidRequestError } from "@elastic-attention/core";
import { type SamplingParameters, Sampler, StopFilter } from "../src/index.js";

/** Share of each token in many draws from the same logits. */
function shares(logits: readonly number[], parameters: SamplingParameters, prompt: readonly number[] = [], draws = 20_000): number[] {
  const counts = logits.map(() => 0);
  // A sampler remembers what it drew; the penalty must not change the logits under the test.
  for (let seed = 0; seed < draws; seed++) counts[new Sampler({ seed, ...parameters }, prompt).next(Float32Array.from(logits))]! += 1;
  return counts.map((count) => count / draws);
}

const probabilities = [0.5, 0.3, 0.15, 0.05];
const logits = probabilities.map(Math.log);

function expectShares(actual: readonly number[], expected: readonly number[]): void {
  for (const [i, share] of expected.entries()) expect(Math.abs(actual[i]! - share)).toBeLessThan(share === 0 ? 1e-9 : 0.015);
}

describe("sampling", () => {
  test("is greedy by default, the first of equals", () => {
    expect(new Sampler().next(Float32Array.of(1, 3, 3, -1))).toBe(1);
    expect(new Sampler().next(Float32Array.of(NaN, -Infinity, -5))).toBe(2);
  });

  test("draws by probability, sharpened by temperature", () => {
    expectShares(shares(logits, { temperature: 1 }), probabilities);
    const squared = probabilities.map((p) => p * p);
    const total = squared.reduce((a, b) => a + b);
    expectShares(shares(logits, { temperature: 0.5 }), squared.map((p) => p / total));
  });

  test("top-k, top-p and min-p cut the tail", () => {
    expectShares(shares(logits, { temperature: 1, topK: 2 }), [0.625, 0.375, 0, 0]);
    expectShares(shares(logits, { temperature: 1, topP: 0.79 }), [0.625, 0.375, 0, 0]);
    expectShares(shares(logits, { temperature: 1, topP: 0.01 }), [1, 0, 0, 0]);
    expectShares(shares(logits, { temperature: 1, minP: 0.25 }), [0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0]);
  });

  test("tokens of the prompt and of the answer are penalised", () => {
    expect(new Sampler({ repetitionPenalty: 2 }, [0]).next(Float32Array.of(3, 2))).toBe(1);
    expect(new Sampler({ repetitionPenalty: 2 }, [1]).next(Float32Array.of(-3, -2))).toBe(0);
    const sampler = new Sampler({ repetitionPenalty: 10 });
    expect([0, 1, 2].map(() => sampler.next(Float32Array.of(3, 2, 1)))).toEqual([0, 1, 2]);
  });

  test("is the same for the same seed", () => {
    const draw = (seed: number) => {
      const sampler = new Sampler({ temperature: 1, seed });
      return Array.from({ length: 20 }, () => sampler.next(Float32Array.from(logits)));
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
  ])("%j is refused", (parameters) => expect(() => new Sampler(parameters)).toThrow(InvalidRequestError));

  test("logits without a number are an error", () => {
    expect(() => new Sampler().next(Float32Array.of(NaN, NaN))).toThrow(InvalidRequestError);
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
