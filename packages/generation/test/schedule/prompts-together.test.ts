import { ConstantRouter, type Router } from "@elastic-attention/router";
import { describe, expect, test } from "vitest";
import type { GenerationRequest } from "../../src/index.js";
import { answer, someTokens, withRunningEngine } from "../doubles/running-engine.js";

const heads = { version: 1, description: "", scores: [[3, 1], [2, 0], [5, 4]], sparsity: 0.5 };
const short = (seed: number, more: GenerationRequest = {}): GenerationRequest => ({ tokens: someTokens(10 + seed, seed), maxNewTokens: 4, ...more });

/** A router of the caller's that fails in the second layer. */
const broken: Router = Object.assign(new ConstantRouter({ kind: "full" }), {
  route: ({ layer, ...input }: Parameters<Router["route"]>[0]) => {
    if (layer === 1) throw new RangeError("the router is broken");
    return new ConstantRouter({ kind: "full" }).route({ layer, ...input });
  },
});

describe("short prompts that wait together", () => {
  test.each([["a head list", { heads }], ["learned routers", { router: true }]])("share a prefill, and each has the routing and the text it has alone, by %s", async (_, options) => {
    await withRunningEngine({ ...options, contextLength: 200 }, {}, async (engine) => {
      const requests = [0, 1, 2, 3, 4, 5].map((seed) => short(seed, { sparsity: seed % 3 / 2 }));
      const alone = [];
      for (const request of requests) alone.push(await answer(engine, request));
      const before = (await engine.report()).prefills;
      const together = await Promise.all(requests.map((request) => answer(engine, request)));
      expect((await engine.report()).prefills - before).toBe(1);
      expect(together.map(({ tokens }) => tokens)).toEqual(alone.map(({ tokens }) => tokens));
      for (const [index, { finish }] of together.entries()) {
        const { headMap, effectiveSparsity, keyValueBytes } = alone[index]!.finish.report;
        expect(finish.report).toMatchObject({ headMap, effectiveSparsity, keyValueBytes });
      }
    });
  });

  test("are not hurt by one whose router fails", async () => {
    await withRunningEngine({}, {}, async (engine) => {
      const requests = [0, 1, 2].map((seed) => short(seed));
      const alone = [];
      for (const request of requests) alone.push((await answer(engine, request)).tokens);
      const [failed, ...others] = await Promise.allSettled([short(9, { router: broken }), ...requests].map((request) => answer(engine, request)));
      expect(failed).toMatchObject({ status: "rejected", reason: { message: "the router is broken" } });
      expect(others.map((outcome) => (outcome.status === "fulfilled" ? outcome.value.tokens : outcome.reason))).toEqual(alone);
    });
  });

  test("are not hurt by one that is aborted while they are read", async () => {
    await withRunningEngine({}, {}, async (engine, backend) => {
      const requests = [0, 1, 2].map((seed) => short(seed));
      const alone = [];
      for (const request of requests) alone.push((await answer(engine, request)).tokens);
      const base = backend.memory().liveBytes;
      const controller = new AbortController();
      const leaves = async () => {
        const types: string[] = [];
        for await (const event of engine.generate(short(9, { signal: controller.signal }))) {
          types.push(event.type);
          controller.abort();
        }
        return types;
      };
      const [types, ...others] = await Promise.all([leaves(), ...requests.map((request) => answer(engine, request))]);
      expect(types).toEqual(["progress", "finish"]);
      expect(others.map(({ tokens }) => tokens)).toEqual(alone);
      expect(backend.memory().liveBytes).toBe(base);
    });
  });

  test("go on with their sessions, each under its own plan", async () => {
    await withRunningEngine({ heads, contextLength: 200 }, {}, async (engine) => {
      const turns = async (name: string, sparsity: number) => {
        const first = short(3, { session: name, sparsity });
        const one = await answer(engine, first);
        const tokens = [...Array.from(first.tokens!), ...one.tokens, ...someTokens(6, 8)];
        const fresh = (await answer(engine, { ...first, tokens, session: `${name} fresh` })).tokens;
        return { fresh, next: { ...first, tokens } };
      };
      const [full, sparse] = [await turns("full", 0), await turns("sparse", 1)];
      const before = (await engine.report()).prefills;
      const [one, two] = await Promise.all([full, sparse].map(({ next }) => answer(engine, next)));
      expect((await engine.report()).prefills - before).toBe(1);
      expect([one!.tokens, two!.tokens]).toEqual([full.fresh, sparse.fresh]);
      for (const { finish } of [one!, two!]) expect(finish.report.reusedTokens).toBeGreaterThan(10);
    });
  });
});
