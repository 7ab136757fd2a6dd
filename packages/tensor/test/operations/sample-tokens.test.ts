import { describe, expect, test } from "vitest";
import { adjustLogits } from "../../src/operations/tokens/adjust-logits.js";
import { hostArray, ReferenceBackend, type SampledRow, sampleTokens, type TokenSampling, uniformNumber } from "../../src/index.js";

const backend = new ReferenceBackend();
const greedy: TokenSampling = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, presencePenalty: 0, frequencyPenalty: 0, uniform: 0 };

function draw(logits: readonly number[], sampling: Partial<TokenSampling>, seen?: readonly number[]): number {
  using row = backend.upload(Float32Array.from(logits), [1, logits.length], "f32");
  using output = backend.allocate([1], "i32");
  using flags = seen === undefined ? undefined : backend.upload(Uint8Array.from(seen), [1, seen.length], "u8");
  backend.kernels.run(sampleTokens, { logits: row, output, rows: [{ sampling: { ...greedy, ...sampling }, seen: flags }] });
  return hostArray(output.download(), "i32")[0]!;
}

/** Share of each token over the numbers of one seed. */
function shares(logits: readonly number[], sampling: Partial<TokenSampling>, draws = 20_000): number[] {
  const counts = logits.map(() => 0);
  for (let i = 0; i < draws; i++) counts[draw(logits, { ...sampling, uniform: uniformNumber(7, i) })]! += 1 / draws;
  return counts;
}

describe("drawing tokens", () => {
  const logits = [1, 3, 2, -1, 3];

  test("greedy takes the lowest among the largest", () => expect(draw(logits, {})).toBe(1));

  test("probabilities are the softmax of logits over temperature", () => {
    for (const temperature of [0.5, 1, 3]) {
      const weights = logits.map((logit) => Math.exp(logit / temperature));
      const total = weights.reduce((a, b) => a + b, 0);
      for (const [token, share] of shares(logits, { temperature }).entries()) {
        expect(Math.abs(share - weights[token]! / total)).toBeLessThan(0.012);
      }
    }
  });

  test("top-k, top-p and min-p keep what they say, ties by the lower token", () => {
    const kept = (sampling: Partial<TokenSampling>) => shares(logits, { temperature: 1, ...sampling }, 2000).flatMap((share, token) => (share > 0 ? [token] : []));
    expect(kept({ topK: 1 })).toEqual([1]);
    expect(kept({ topK: 3 })).toEqual([1, 2, 4]);
    // Two equal tokens of 0.41 each: the first alone does not reach 0.5, both do.
    expect(kept({ topP: 0.3 })).toEqual([1]);
    expect(kept({ topP: 0.5 })).toEqual([1, 4]);
    expect(kept({ minP: 0.9 })).toEqual([1, 4]);
    expect(kept({ minP: 0.3 })).toEqual([1, 2, 4]);
  });

  test("a penalty moves seen tokens away from the top, and the drawn one is seen", () => {
    using flags = backend.upload(Uint8Array.of(0, 1, 0, 1, 0), [1, 5], "u8");
    using row = backend.upload(Float32Array.from(logits), [1, 5], "f32");
    using output = backend.allocate([1], "i32");
    const rows = [{ sampling: { ...greedy, repetitionPenalty: 2 }, seen: flags }];
    const tokens = [0, 1].map(() => {
      backend.kernels.run(sampleTokens, { logits: row, output, rows });
      return hostArray(output.download(), "i32")[0]!;
    });
    // 3 / 2 loses to 3; then both are at 1.5 and 2 is the best.
    expect(tokens).toEqual([4, 2]);
    expect([...flags.download()]).toEqual([0, 1, 1, 1, 1]);
  });

  test("bias, penalties and mask give the logits that a token is drawn from", () => {
    const adjust = (row: Partial<SampledRow>) => {
      const values = Float32Array.of(1, -2, 3, 4);
      adjustLogits(values, { sampling: { ...greedy, ...row.sampling }, ...row });
      return [...values];
    };
    using bias = backend.upload(Float32Array.of(0.5, 1, 0, -100), [1, 4], "f32");
    using counts = backend.upload(Int32Array.of(0, 1, 3, 0), [1, 4], "i32");
    using seen = backend.upload(Uint8Array.of(1, 1, 0, 0), [1, 4], "u8");
    using mask = backend.upload(Int32Array.of(0b0110), [1, 1], "i32");
    const penalties = { ...greedy, repetitionPenalty: 2, presencePenalty: 0.25, frequencyPenalty: 0.5 };
    expect(adjust({ bias })).toEqual([1.5, -1, 3, -96]);
    expect(adjust({ counts, sampling: penalties })).toEqual([1, -2.75, 1.25, 4]);
    expect(adjust({ seen, sampling: penalties })).toEqual([0.5, -4, 3, 4]);
    expect(adjust({ mask })).toEqual([-Infinity, -2, 3, -Infinity]);
    // The bias first, then the repetition penalty, then the others.
    expect(adjust({ bias, counts, seen, mask, sampling: penalties })).toEqual([-Infinity, -2.75, 1.25, -Infinity]);
  });

  test("the drawn token is counted, and the penalty grows with it", () => {
    using counts = backend.upload(new Int32Array(5), [1, 5], "i32");
    using row = backend.upload(Float32Array.from(logits), [1, 5], "f32");
    using output = backend.allocate([1], "i32");
    const rows = [{ sampling: { ...greedy, frequencyPenalty: 0.75 }, counts }];
    const tokens = Array.from({ length: 5 }, () => {
      backend.kernels.run(sampleTokens, { logits: row, output, rows });
      return hostArray(output.download(), "i32")[0]!;
    });
    // 3 and 3, then 2.25 and 2.25, then 2.
    expect(tokens).toEqual([1, 4, 1, 4, 2]);
    expect([...hostArray(counts.download(), "i32")]).toEqual([0, 2, 1, 0, 2]);
  });

  test("the ends of the interval give the first and the last token", () => {
    expect(draw(logits, { temperature: 1, uniform: 0 })).toBe(1);
    expect(draw(logits, { temperature: 1, uniform: 1 - 2 ** -32 })).toBe(3);
  });

  test("no finite logit gives -1; NaN is never drawn", () => {
    expect(draw([NaN, NaN], { temperature: 1 })).toBe(-1);
    expect(draw([NaN, -Infinity], {})).toBe(-1);
    expect(draw([0, Infinity], { temperature: 1 })).toBe(-1);
    expect(draw([NaN, -1, -Infinity], { temperature: 1, uniform: 0.99 })).toBe(1);
  });
});
