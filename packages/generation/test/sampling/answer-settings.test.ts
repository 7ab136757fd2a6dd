import { describe, expect, test } from "vitest";
import type { GenerationEvent, GenerationRequest, LocalEngine, SamplingParameters } from "../../src/index.js";
import { answer, eventsOf, someTokens, withRunningEngine } from "../doubles/running-engine.js";

const tokens = someTokens(20);
const request: GenerationRequest = { tokens, maxNewTokens: 12 };

type TokenEvent = Extract<GenerationEvent, { type: "token" }>;

async function tokenEvents(engine: LocalEngine, asked: GenerationRequest): Promise<TokenEvent[]> {
  return (await eventsOf(engine, asked)).filter((event) => event.type === "token");
}

describe("what an answer is drawn from", () => {
  test("a bias decides what is drawn, and what is not", async () => {
    await withRunningEngine({}, {}, async (engine) => {
      const free = await answer(engine, request);
      const banned = await answer(engine, { ...request, logitBias: Object.fromEntries(free.tokens.map((token) => [token, -100])) });
      expect(banned.tokens.filter((token) => free.tokens.includes(token))).toEqual([]);
      const wanted = await answer(engine, { ...request, logitBias: { 4000: 100 } });
      expect(new Set(wanted.tokens)).toEqual(new Set([4000]));
    });
  });

  test("penalties count the answer's own tokens, not the prompt's", async () => {
    await withRunningEngine({}, {}, async (engine) => {
      // Only two tokens can win, and a few times of one are more than what the model sees between them.
      const [one, other] = [tokens[3]!, 4000];
      const counts = async (sampling: SamplingParameters) => {
        const drawn = (await answer(engine, { ...request, logitBias: { [one]: 100, [other]: 100 }, sampling })).tokens;
        return [one, other].map((token) => drawn.filter((each) => each === token).length);
      };
      const [free, penalised, rewarded] = [await counts({}), await counts({ frequencyPenalty: 2 }), await counts({ frequencyPenalty: -2, presencePenalty: -2 })];
      for (const pair of [free, penalised, rewarded]) expect(pair[0]! + pair[1]!).toBe(12);
      expect(Math.min(...penalised)).toBeGreaterThan(2);
      expect(Math.min(...rewarded)).toBe(0);
      // The first token is drawn as if there were no penalty.
      const first = async (sampling: SamplingParameters) => (await answer(engine, { ...request, maxNewTokens: 1, sampling })).tokens;
      expect(await first({ frequencyPenalty: 2, presencePenalty: 2 })).toEqual(await first({}));
    });
  });

  test("log-probabilities are told of each token, of the raw logits, without changing the answer", async () => {
    await withRunningEngine({}, {}, async (engine) => {
      const sampling = { temperature: 3, topK: 50, seed: 5, repetitionPenalty: 1.5 };
      const plain = await answer(engine, { ...request, sampling });
      const events = await tokenEvents(engine, { ...request, sampling, logprobs: 3 });
      expect(events.map(({ id }) => id)).toEqual(plain.tokens);
      for (const { id, logprobs } of events) {
        const { logprob, top } = logprobs!;
        expect(top).toHaveLength(3);
        const sorted = [...top].sort((a, b) => b.logprob - a.logprob);
        expect(top).toEqual(sorted);
        expect(logprob).toBeLessThanOrEqual(top[0]!.logprob);
        expect(top.reduce((sum, each) => sum + Math.exp(each.logprob), 0)).toBeLessThan(1);
        const own = top.find((each) => each.id === id);
        if (own !== undefined) expect(own.logprob).toBe(logprob);
        for (const each of top) expect(each.text).toBe(engine.tokenizer.decode([each.id], { skipSpecialTokens: false }));
      }
      // The whole vocabulary adds up to 1: the most likely of a model that a bias does not reach.
      const [first] = await tokenEvents(engine, { ...request, logprobs: 0, logitBias: { 4000: 100 } });
      expect(first!.id).toBe(4000);
      expect(first!.logprobs!.logprob).toBeLessThan(-1);
      expect(first!.logprobs!.top).toEqual([]);
    });
  });

  test("what is not asked for is not told", async () => {
    await withRunningEngine({}, {}, async (engine) => {
      for (const event of await tokenEvents(engine, request)) expect(event).toEqual({ type: "token", id: event.id, text: event.text, answer: 0 });
    });
  });

  test("progress tells how much of the prompt is processed", async () => {
    await withRunningEngine({}, {}, async (engine) => {
      // A machine that is busy tells more, in between.
      const progress = (await eventsOf(engine, request)).flatMap((event) => (event.type === "progress" && event.heads !== undefined ? [event] : []));
      expect(progress.map(({ layersDone }) => layersDone)).toEqual([1, 2, 3]);
      expect(progress.map(({ processedTokens }) => processedTokens)).toEqual([6, 13, 20]);
      for (const { promptTokens, cachedTokens } of progress) expect([promptTokens, cachedTokens]).toEqual([20, 0]);
    });
  });

  test.each<[string, GenerationRequest, RegExp]>([
    ["a bias on an unknown token", { logitBias: { 99_999_999: 1 } }, /99999999.*vocabulary has/],
    ["a bias on what is no token", { logitBias: { "-1": 1 } }, /"-1"/],
    ["a bias that is no number", { logitBias: { 5: Number.NaN } }, /token 5 must be between -100 and 100, found NaN/],
    ["a bias beyond 100", { logitBias: { 5: 101 } }, /found 101/],
    ["a list of biases", { logitBias: [1] as never }, /must be an object/],
    ["more biases than are allowed", { logitBias: Object.fromEntries(Array.from({ length: 1001 }, (_, id) => [id, 1])) }, /1001 tokens; 1000 are allowed/],
    ["a presence penalty beyond 2", { sampling: { presencePenalty: 2.1 } }, /presencePenalty must be between -2 and 2, found 2.1/],
    ["a frequency penalty that is no number", { sampling: { frequencyPenalty: Number.NaN } }, /frequencyPenalty/],
    ["no answers", { count: 0 }, /count must be a whole number from 1 to 128, found 0/],
    ["too many answers", { count: 129 }, /found 129/],
    ["half an answer", { count: 1.5 }, /found 1.5/],
    ["several answers of a session", { count: 2, session: "a" }, /session/],
    ["21 most likely tokens", { logprobs: 21 }, /logprobs must be a whole number from 0 to 20, found 21/],
    ["log-probabilities as a flag", { logprobs: true as never }, /found true/],
    ["a constraint that nobody registered", { constraint: { name: "no-such" } }, /Unknown token constraint "no-such"/],
    ["a constraint without a name", { constraint: {} as never }, /name/],
  ])("refuses %s before anything is computed", async (_, wrong, message) => {
    await withRunningEngine({}, {}, async (engine, backend) => {
      const { peakBytes } = backend.memory();
      await expect(eventsOf(engine, { ...request, ...wrong })).rejects.toMatchObject({ code: "INVALID_REQUEST", message: expect.stringMatching(message) as string });
      expect(backend.memory().peakBytes).toBe(peakBytes);
    });
  });
});
