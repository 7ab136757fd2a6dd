import { describe, expect, test } from "vitest";
import { type GenerationRequest, registerTokenConstraint } from "../../src/index.js";
import { someTokens } from "../doubles/running-engine.js";
import { expectSameText, fewWords } from "./speculating-engine.js";

const heads = { version: 1, description: "", scores: [[3, 1], [2, 0], [5, 4]], sparsity: 0.5 };

/** Lets the answer go from each of a few tokens to two others only, and is done with the eleventh. */
registerTokenConstraint("steps", (_, { vocabularySize }) => {
  let [last, count] = [301, 0];
  const next = () => [301 + ((last - 300) % 5), 301 + ((last - 299) % 5)];
  return {
    nextMask() {
      const mask = new Int32Array(Math.ceil(vocabularySize / 32));
      for (const token of next()) mask[token >> 5]! |= 1 << (token & 31);
      return mask;
    },
    accept(token) {
      if (count === 11 || !next().includes(token)) throw new Error(`${token} cannot follow ${last}`);
      [last, count] = [token, count + 1];
    },
    get done() {
      return count === 11;
    },
  };
});

const repeating = { logitBias: fewWords, maxNewTokens: 40 };
const samplings: readonly (readonly [string, Partial<GenerationRequest>])[] = [
  ["greedy", {}],
  ["drawn", { sampling: { temperature: 0.9, seed: 3 } }],
  ["drawn from few", { sampling: { temperature: 1.2, topK: 3, topP: 0.9, minP: 0.05, seed: 8 } }],
  ["penalised", { sampling: { repetitionPenalty: 1.3, presencePenalty: 0.4, frequencyPenalty: 0.1 } }],
  ["penalised and drawn", { sampling: { temperature: 0.8, seed: 4, frequencyPenalty: 0.02 } }],
  ["with log-probabilities", { logprobs: 3 }],
  ["under a constraint", { constraint: { name: "steps" } }],
  ["under a constraint, drawn and penalised", { constraint: { name: "steps" }, sampling: { temperature: 1, seed: 2, presencePenalty: 0.2 } }],
  ["several answers", { count: 3, sampling: { temperature: 0.9, seed: 5 } }],
];

describe.each([["in tensors of their own", false], ["in pages", true]])("with keys and values %s", (_, isPaged) => {
  test.each(samplings)("an answer is the same with drafts as without, alone and among others: %s", async (_name, settings) => {
    const requests = [
      { ...repeating, ...settings, tokens: someTokens(20) },
      { ...repeating, ...settings, tokens: someTokens(33, 2), maxNewTokens: 17 },
      { ...repeating, tokens: someTokens(9, 4) },
    ];
    const { drafted, accepted } = await expectSameText({ contextLength: 200 }, isPaged, requests);
    expect(accepted).toBeGreaterThan(10);
    expect(drafted).toBeGreaterThan(accepted);
  });

  // Blocks of 4 tokens: windows move on inside drafts, and rings close over what is rejected.
  test.each<Partial<GenerationRequest>>([
    { mode: "fa-ssa", sparsity: 1 },
    { mode: "fa-ssa", sparsity: 0.5 },
    { mode: "fa-ssa", sparsity: 1, decode: "full" },
    { mode: "fa-pages:budget=1/4:page=16", sparsity: 1 },
    { mode: "threshold", sparsity: 1 },
    { mode: "snap:kept=16:rows=8", sparsity: 1 },
  ])("so it is where heads are routed: %o", async (routing) => {
    const requests = [
      { ...repeating, ...routing, tokens: someTokens(61) },
      { ...repeating, ...routing, tokens: someTokens(90, 2), sampling: { temperature: 0.9, seed: 6 } },
    ];
    const { drafted, accepted } = await expectSameText({ heads, contextLength: 200 }, isPaged, requests);
    expect(accepted).toBeGreaterThan(10);
    expect(drafted).toBeGreaterThan(accepted);
  });

  test("so it is where learned routers decide, and drafts are as short as they may be", async () => {
    const { accepted } = await expectSameText({ router: true, contextLength: 200 }, isPaged, [{ ...repeating, tokens: someTokens(50) }], { speculateTokens: 1 });
    expect(accepted).toBeGreaterThan(5);
  });
});
