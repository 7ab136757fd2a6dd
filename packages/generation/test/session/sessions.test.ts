import { ConstantRouter } from "@elastic-attention/router";
import { describe, expect, test } from "vitest";
import type { GenerationRequest } from "../../src/index.js";
import { answer, eventsOf, someTokens, withRunningEngine } from "../doubles/running-engine.js";

const heads = { version: 1, description: "", scores: [[3, 1], [2, 0], [5, 4]], sparsity: 0.5 };

/** Two turns of tokens in a session, and the second turn's prompt by itself. */
async function turns(engine: Parameters<typeof answer>[0], more: GenerationRequest = {}, second: GenerationRequest = {}) {
  const first = { maxNewTokens: 6, session: "talk", ...more, tokens: someTokens(40) };
  const one = await answer(engine, first);
  const tokens = [...first.tokens, ...one.tokens, ...someTokens(25, 9)];
  const two = await answer(engine, { tokens, maxNewTokens: 6, session: "talk", ...more, ...second });
  const fresh = await answer(engine, { tokens, maxNewTokens: 6, ...more });
  return { one, two, fresh, prompt: tokens };
}

describe("a session", () => {
  test.each<[string, GenerationRequest]>([
    ["every head full", { mode: "full" }],
    ["half of the heads streaming", { sparsity: 0.5 }],
    ["every head streaming", { sparsity: 1 }],
    ["heads that decode over everything", { sparsity: 0.5, decode: "full" }],
    ["heads that decode by pages, all of which are chosen", { mode: "fa-pages:budget=1:page=16", sparsity: 1 }],
  ])("reads only what is new, and answers as one prefill under the same plan: %s", async (_name, settings) => {
    await withRunningEngine({ heads, contextLength: 200 }, {}, async (engine) => {
      const { one, two, fresh, prompt } = await turns(engine, settings);
      expect(two.finish.report).toMatchObject({ promptTokens: prompt.length, reusedTokens: 40 + one.tokens.length - 1 });
      expect(two.finish.report.headMap).toEqual(one.finish.report.headMap);
      // With "full" decoding the second turn reads densely what one prefill reads by its pattern.
      if (settings.decode !== "full") expect(two.tokens).toEqual(fresh.tokens);
      expect(fresh.finish.report.reusedTokens).toBe(0);
    });
  });

  test("is routed anew when asked to, or when its settings change", async () => {
    await withRunningEngine({ heads, contextLength: 200 }, {}, async (engine) => {
      const rerouted = await turns(engine, { sparsity: 0.5 }, { reroute: true });
      expect(rerouted.two.finish.report.reusedTokens).toBe(0);
      expect(rerouted.two.tokens).toEqual(rerouted.fresh.tokens);
      const changed = await turns(engine, { sparsity: 0.5 }, { sparsity: 1 });
      expect(changed.two.finish.report).toMatchObject({ reusedTokens: 0, modelSparsity: 1 });
    });
  });

  test("goes on under a router of the caller's own where it is the same one", async () => {
    await withRunningEngine({ contextLength: 200 }, {}, async (engine) => {
      const router = () => new ConstantRouter({ kind: "streaming", sinkTokens: 4, localTokens: 8, blockSize: 4 }, { kind: "full" });
      const [own, other] = [router(), router()];
      expect((await turns(engine, { router: own })).two.finish.report.reusedTokens).toBeGreaterThan(40);
      expect((await turns(engine, { router: own }, { router: other })).two.finish.report.reusedTokens).toBe(0);
      expect((await turns(engine, { router: own }, { decode: "full" })).two.finish.report.reusedTokens).toBe(0);
    });
  });

  test("starts over when the prompt does not go on from the last turn", async () => {
    await withRunningEngine({ contextLength: 200 }, {}, async (engine) => {
      await answer(engine, { tokens: someTokens(20), maxNewTokens: 3, session: "talk" });
      const other = await answer(engine, { tokens: someTokens(30, 5), maxNewTokens: 3, session: "talk" });
      expect(other.finish.report.reusedTokens).toBe(0);
    });
  });

  test("goes on by text in a conversation, whatever tokens the answer was made of", async () => {
    await withRunningEngine({ contextLength: 400 }, {}, async (engine) => {
      const question = { role: "user", content: "Where is the ship?" } as const;
      const one = await answer(engine, { messages: [question], maxNewTokens: 8, session: "talk" });
      const next = { role: "user", content: "And now?" } as const;
      const messages = [question, { role: "assistant", content: one.finish.text } as const, next];
      const two = await answer(engine, { messages, maxNewTokens: 4, session: "talk" });
      expect(two.finish.report.reusedTokens).toBeGreaterThan(one.finish.report.promptTokens);
      expect(two.finish.report.reusedTokens).toBeLessThanOrEqual(one.finish.report.promptTokens + one.tokens.length);
    });
  });

  test("takes one turn at a time, survives an abort while it answers, and can be closed", async () => {
    await withRunningEngine({ contextLength: 200 }, {}, async (engine, backend) => {
      const controller = new AbortController();
      const request = { tokens: someTokens(20), maxNewTokens: 100, session: "talk" };
      const tokens: number[] = [];
      for await (const event of engine.generate({ ...request, signal: controller.signal })) {
        if (event.type !== "token") continue;
        tokens.push(event.id);
        if (tokens.length === 1) await expect(eventsOf(engine, request)).rejects.toMatchObject({ code: "INVALID_REQUEST" });
        if (tokens.length === 3) controller.abort();
      }
      const next = await answer(engine, { tokens: [...request.tokens, ...tokens, ...someTokens(5, 3)], maxNewTokens: 2, session: "talk" });
      expect(next.finish.report.reusedTokens).toBeGreaterThanOrEqual(20);
      expect((await engine.report()).idleSessions).toBe(1);
      expect((await engine.report()).idleSessionBytes).toBeGreaterThan(0);
      const held = backend.memory().liveBytes;
      await engine.closeSession("talk");
      expect(await engine.report()).toMatchObject({ idleSessions: 0, idleSessionBytes: 0 });
      expect(backend.memory().liveBytes).toBeLessThan(held);
    });
  });

  test("gives its memory up when a request needs it, the oldest first", async () => {
    await withRunningEngine({ contextLength: 500 }, { maximumSessions: 3 }, async (engine, backend) => {
      const large = { tokens: someTokens(400), maxNewTokens: 2 };
      await answer(engine, large);
      backend.resetPeak();
      await answer(engine, large);
      const { peakBytes } = backend.memory();
      for (const session of ["a", "b", "c", "d"]) await answer(engine, { tokens: someTokens(50), maxNewTokens: 2, session });
      expect((await engine.report()).idleSessions).toBe(3);
      // Room for the large request and one session.
      backend.setMemoryLimit(peakBytes + 30_000);
      expect((await answer(engine, large)).tokens.length).toBeGreaterThan(0);
      expect((await engine.report()).idleSessions).toBe(1);
      backend.setMemoryLimit(undefined);
      const last = await answer(engine, { tokens: [...someTokens(50), ...someTokens(4, 2)], maxNewTokens: 2, session: "a" });
      expect(last.finish.report.reusedTokens).toBe(0);
    });
  });

  test.each<[string, GenerationRequest]>([
    ["a session without a name", { session: "" }],
    ["rerouting by no truth value", { reroute: 1 } as unknown as GenerationRequest],
  ])("%s is refused", async (_name, request) => {
    await withRunningEngine({}, {}, async (engine) => {
      await expect(eventsOf(engine, { prompt: "a", ...request })).rejects.toMatchObject({ code: "INVALID_REQUEST" });
    });
  });
});
