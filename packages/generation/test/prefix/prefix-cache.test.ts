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

describe("a pinned prefix", () => {
  test("is read once, and each request that begins with it is routed for itself", async () => {
    await withPagedEngine({ heads }, {}, async (engine) => {
      const pin = await answer(engine, { tokens: document, prefix: "pin", maxNewTokens: 0, sparsity: 0.5 });
      expect(pin.finish.report).toMatchObject({ reusedTokens: 0, modelSparsity: 0 });
      expect((await engine.report()).prefixCache).toMatchObject({ states: 1, pinned: 1 });
      for (const sparsity of [1, 0.5, 0]) {
        const { finish } = await answer(engine, { tokens: question(50, 3), maxNewTokens: 3, sparsity });
        expect(finish.report).toMatchObject({ reusedTokens: 384, modelSparsity: sparsity });
      }
      // Who pins it again finds it there.
      await answer(engine, { tokens: document, prefix: "pin", maxNewTokens: 0 });
      expect((await engine.report()).prefixCache.pinned).toBe(1);
    });
  });

  test("gives a full request the answer that it has without a cache, and asks a learned router about the whole prompt", async () => {
    const request = { tokens: question(50, 3), maxNewTokens: 5 };
    const results: Awaited<ReturnType<typeof answer>>[] = [];
    for (const settings of [off, {}]) {
      await withPagedEngine({ router: true }, settings, async (engine) => {
        await answer(engine, { tokens: document, prefix: "pin", maxNewTokens: 0 });
        results.push(await answer(engine, { ...request, mode: "full" }), await answer(engine, request));
      });
    }
    const [full, routed, fullPinned, routedPinned] = results;
    expect(fullPinned!.tokens).toEqual(full!.tokens);
    expect([fullPinned!, routedPinned!].map(({ finish }) => finish.report.reusedTokens)).toEqual([384, 384]);
    // The keys of the first layer are the same, whatever was attended to.
    expect(routedPinned!.finish.report.headMap[0]).toEqual(routed!.finish.report.headMap[0]);
  });
});

describe("a cached prefix", () => {
  test("keeps its plan with learned routers where it is most of the prompt; rerouting and another setting read all again", async () => {
    await withPagedEngine({ router: true }, {}, async (engine) => {
      const first = await answer(engine, { tokens: document, maxNewTokens: 2 });
      const next = await answer(engine, { tokens: question(60, 7), maxNewTokens: 2 });
      expect(next.finish.report).toMatchObject({ reusedTokens: 384, headMap: first.finish.report.headMap });
      for (const other of [{ reroute: true }, { prefix: "none" }, { sparsity: 0.5 }] as const) {
        expect((await answer(engine, { tokens: question(60, 9), maxNewTokens: 2, ...other })).finish.report.reusedTokens).toBe(0);
      }
      // Its beginning is a small part of this one, whose plan is its own.
      const other = await answer(engine, { tokens: [...document, ...someTokens(500, 4)], maxNewTokens: 1 });
      expect(other.finish.report.reusedTokens).toBe(0);
    });
  });

  test("is not made of plans that later tokens are read by otherwise, of short prompts, or of what a session's answers left", async () => {
    await withPagedEngine({ heads }, {}, async (engine) => {
      await answer(engine, { tokens: document, maxNewTokens: 1, sparsity: 0.5, decode: "full" });
      await answer(engine, { tokens: someTokens(250), maxNewTokens: 1 });
      expect((await engine.report()).prefixCache.states).toBe(0);
      const one = await answer(engine, { tokens: document, maxNewTokens: 4, mode: "full", session: "talk" });
      const { states } = (await engine.report()).prefixCache;
      expect(states).toBe(1);
      const tokens = [...document, ...one.tokens, ...someTokens(150, 5)];
      const two = await answer(engine, { tokens, maxNewTokens: 2, mode: "full", session: "talk" });
      expect(two.finish.report.reusedTokens).toBe(403);
      expect((await engine.report()).prefixCache.states).toBe(states);
    });
  });

  test("begins a session, whose turns go on under its plan", async () => {
    await withPagedEngine({ heads }, {}, async (engine) => {
      await answer(engine, { tokens: document, maxNewTokens: 1, sparsity: 0.5 });
      const one = await answer(engine, { tokens: question(20, 2), maxNewTokens: 3, sparsity: 0.5, session: "talk" });
      expect(one.finish.report.reusedTokens).toBe(384);
      const two = await answer(engine, { tokens: [...question(20, 2), ...one.tokens, ...someTokens(9)], maxNewTokens: 3, sparsity: 0.5, session: "talk" });
      expect(two.finish.report).toMatchObject({ reusedTokens: 422, headMap: one.finish.report.headMap });
    });
  });

  test("goes when a request needs its memory, the one that was used longest ago first, and before what is pinned", async () => {
    const settings = { mode: "full", maxNewTokens: 1 } as const;
    await withPagedEngine({}, {}, async (engine, backend) => {
      await answer(engine, { tokens: someTokens(300, 1), prefix: "pin", ...settings });
      for (const seed of [2, 3, 4]) await answer(engine, { tokens: someTokens(300, seed), ...settings });
      await answer(engine, { tokens: [...someTokens(300, 2), 1], ...settings });
      const before = await engine.report();
      expect(before.prefixCache).toMatchObject({ states: 4, pinned: 1 });
      // Room for nothing but what is there.
      backend.setMemoryLimit(backend.memory().liveBytes + 600_000);
      await answer(engine, { tokens: someTokens(700, 5), ...settings, prefix: "none" });
      backend.setMemoryLimit(undefined);
      const after = (await engine.report()).prefixCache;
      expect(after.states).toBeLessThan(4);
      expect(after.pinned).toBe(1);
      expect((await engine.report()).preemptions).toBe(before.preemptions);
    });
  });

  test("takes no more than it may", async () => {
    await withPagedEngine({}, { prefixCache: { maxBytes: 150_000 } }, async (engine) => {
      for (const seed of [1, 2, 3, 4]) await answer(engine, { tokens: someTokens(300, seed), mode: "full", maxNewTokens: 1 });
      const { states, bytes } = (await engine.report()).prefixCache;
      expect(bytes).toBeLessThanOrEqual(150_000);
      expect(states).toBeGreaterThan(0);
      const last = await answer(engine, { tokens: [...someTokens(300, 4), ...someTokens(40, 9)], mode: "full", maxNewTokens: 1 });
      expect(last.finish.report.reusedTokens).toBe(256);
    });
  });

  test.each<[string, GenerationRequest]>([
    ["an unknown use", { prefix: "keep" } as unknown as GenerationRequest],
    ["a pin within a session", { prefix: "pin", session: "talk" }],
    ["a reroute that is no truth value", { reroute: "yes" } as unknown as GenerationRequest],
  ])("%s is refused", async (_name, request) => {
    await withPagedEngine({}, {}, async (engine) => {
      await expect(eventsOf(engine, { prompt: "a", ...request })).rejects.toMatchObject({ code: "INVALID_REQUEST" });
    });
  });
});
