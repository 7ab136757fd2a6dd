import { describe, expect, test } from "vitest";
import type { GenerationRequest } from "../../src/index.js";
import { withPagedEngine } from "../doubles/prefix-model.js";
import { answer, eventsOf, someTokens } from "../doubles/running-engine.js";

const heads = { version: 1, description: "", scores: [[3, 1], [2, 0], [5, 4]], sparsity: 0.5 };
const off = { prefixCache: { enabled: false } };
const document = someTokens(400);
const question = (count: number, seed: number) => [...document, ...someTokens(count, seed)];

describe("a prompt that begins as one before", () => {
  test.each<[string, GenerationRequest]>([
    ["every head full", { mode: "full" }],
    ["half of the heads streaming", { sparsity: 0.5 }],
    ["every head streaming", { sparsity: 1 }],
  ])("reads what is new and a block at most, and answers as without a cache: %s", async (_name, settings) => {
    const requests = [
      { tokens: document, maxNewTokens: 4, ...settings },
      { tokens: question(60, 7), maxNewTokens: 4, ...settings },
      { tokens: question(60, 8), maxNewTokens: 4, ...settings },
      { tokens: document, maxNewTokens: 4, ...settings },
      { tokens: question(60, 7), maxNewTokens: 4, ...settings },
    ];
    const expected: number[][] = [];
    await withPagedEngine({ heads }, off, async (engine) => {
      for (const request of requests) expected.push((await answer(engine, request)).tokens);
      expect((await engine.report()).prefixCache).toEqual({ states: 0, pinned: 0, bytes: 0, queriedTokens: 0, reusedTokens: 0 });
    });
    await withPagedEngine({ heads }, {}, async (engine, backend) => {
      const reused: number[] = [];
      const base = backend.memory().liveBytes;
      for (const [index, request] of requests.entries()) {
        const { tokens, finish } = await answer(engine, request);
        expect(tokens).toEqual(expected[index]);
        reused.push(finish.report.reusedTokens);
        expect(finish.report.promptTokens).toBe(request.tokens.length);
      }
      expect(reused).toEqual([0, 384, 384, 256, 384]);
      const { prefixCache } = await engine.report();
      expect(prefixCache).toMatchObject({ pinned: 0, reusedTokens: 384 * 3 + 256 });
      expect(prefixCache.bytes).toBeGreaterThan(0);
      await engine.clearPrefixCache();
      expect((await engine.report()).prefixCache).toMatchObject({ states: 0, bytes: 0 });
      // Tables of angles have grown.
      expect(backend.memory().liveBytes - base).toBeLessThan(64_000);
    });
  });
});

test("x", () => expect(eventsOf).toBeDefined());
