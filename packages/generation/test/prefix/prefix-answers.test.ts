import { describe, expect, test } from "vitest";
import type { GenerationRequest } from "../../src/index.js";
import { withPagedEngine } from "../doubles/prefix-model.js";
import { answer, someTokens } from "../doubles/running-engine.js";

const heads = { version: 1, description: "", scores: [[3, 1], [2, 0], [5, 4]], sparsity: 0.5 };
const off = { prefixCache: { enabled: false } };
const document = someTokens(400);

describe("the second turn of a conversation that no session keeps", () => {
  test.each<[string, GenerationRequest]>([
    ["every head full", { mode: "full" }],
    ["half of the heads streaming", { sparsity: 0.5 }],
    ["every head streaming", { sparsity: 1 }],
  ])("reads what is new and a block at most, the answer of the first among what it does not: %s", async (_name, settings) => {
    const first = { tokens: document, maxNewTokens: 150, ...settings };
    const second = (given: Iterable<number>) => ({ tokens: [...document, ...given, ...someTokens(60, 7)], maxNewTokens: 6, ...settings });
    const expected: number[][] = [];
    await withPagedEngine({ heads }, off, async (engine) => {
      const { tokens } = await answer(engine, first);
      expected.push(tokens, (await answer(engine, second(tokens))).tokens);
    });
    await withPagedEngine({ heads }, {}, async (engine) => {
      const one = await answer(engine, first);
      const two = await answer(engine, second(one.tokens));
      expect([one.tokens, two.tokens]).toEqual(expected);
      expect(one.tokens.length).toBe(150);
      // 549 tokens were read, of which 512 are whole blocks.
      expect(two.finish.report.reusedTokens).toBe(512);
      // Another answer to the first turn goes on from the prompt alone.
      const other = await answer(engine, second(someTokens(150, 3)));
      expect(other.finish.report.reusedTokens).toBe(384);
    });
  });
});

test("an answer leaves nothing where its session keeps it, where the prefix cache is not to be used, and where it is too short for a block", async () => {
  await withPagedEngine({ heads }, {}, async (engine) => {
    const states = async () => (await engine.report()).prefixCache.states;
    await answer(engine, { tokens: document, maxNewTokens: 150, mode: "full", session: "talk" });
    expect(await states()).toBe(1);
    await answer(engine, { tokens: someTokens(400, 2), maxNewTokens: 150, prefix: "none" });
    expect(await states()).toBe(1);
    await answer(engine, { tokens: someTokens(400, 3), maxNewTokens: 20, mode: "full" });
    expect(await states()).toBe(2);
  });
});

test("each of several answers can be gone on from", async () => {
  await withPagedEngine({ heads }, {}, async (engine) => {
    const answers: number[][] = [[], [], []];
    for await (const event of engine.generate({ tokens: document, maxNewTokens: 150, mode: "full", count: 3, sampling: { temperature: 1, seed: 4 } })) if (event.type === "token") answers[event.answer]!.push(event.id);
    for (const tokens of answers) {
      const { finish } = await answer(engine, { tokens: [...document, ...tokens, ...someTokens(40, 5)], maxNewTokens: 1, mode: "full" });
      expect(finish.report.reusedTokens).toBe(512);
    }
  });
});
