import { OutOfMemoryError } from "@elastic-attention/core";
import { ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { type EngineSettings, LocalEngine } from "../../src/index.js";
import { answer, someTokens, withRunningEngine } from "../doubles/running-engine.js";
import { writeTinyModel } from "../doubles/tiny-model.js";

const request = (seed: number, more = {}) => ({ tokens: someTokens(10, seed), maxNewTokens: 6, ...more });

describe("the settings of an engine", () => {
  test.each<[keyof EngineSettings, number]>([
    ["maximumBatch", 0],
    ["maximumBatch", 1.5],
    ["prefillBudgetMilliseconds", -1],
    ["prefillBudgetMilliseconds", NaN],
    ["maximumSessions", -1],
    ["memoryLimitBytes", 0],
    ["memoryLimitBytes", Infinity],
  ])("refuse %s of %d by name, before anything is loaded", async (name, value) => {
    const load = LocalEngine.load({ path: "/nonexistent", backend: "reference", [name]: value });
    await expect(load).rejects.toMatchObject({ code: "INVALID_REQUEST", message: expect.stringMatching(new RegExp(`^${name} must be .*, found ${value}`)) as string });
  });

  test("bound how many requests decode together: the others wait and give the same text", async () => {
    const steps = async (maximumBatch: number) => {
      let [found, texts]: [number, readonly (readonly number[])[]] = [0, []];
      await withRunningEngine({}, { maximumBatch, prefillBudgetMilliseconds: Infinity }, async (engine) => {
        texts = (await Promise.all([1, 2, 3, 4].map((seed) => answer(engine, request(seed))))).map(({ tokens }) => tokens);
        const { decodeSteps, decodedTokens } = await engine.report();
        found = decodedTokens / decodeSteps;
      });
      return { perStep: found, texts };
    };
    const [one, two, many] = [await steps(1), await steps(2), await steps(64)];
    expect([one.perStep, two.perStep]).toEqual([1, 2]);
    expect(many.perStep).toBeGreaterThan(2);
    expect([two.texts, many.texts]).toEqual([one.texts, one.texts]);
  });

  test("bound how many sessions keep their caches: the one used longest ago goes", async () => {
    await withRunningEngine({}, { maximumSessions: 2 }, async (engine) => {
      const turn = async (session: string, tokens: Int32Array) => (await answer(engine, { tokens, maxNewTokens: 2, session })).finish.report.reusedTokens;
      for (const name of ["a", "b", "c"]) await turn(name, someTokens(10));
      expect((await engine.report()).idleSessions).toBe(2);
      const more = (length: number) => Int32Array.from([...someTokens(10), ...someTokens(length, 9)]);
      expect(await turn("a", more(4))).toBe(0);
    });
    await withRunningEngine({}, { maximumSessions: 0 }, async (engine, backend) => {
      const { liveBytes } = backend.memory();
      await answer(engine, request(1));
      const warm = backend.memory().liveBytes;
      await answer(engine, request(1, { session: "a" }));
      expect(await engine.report()).toMatchObject({ idleSessions: 0, idleSessionBytes: 0 });
      expect([backend.memory().liveBytes, warm >= liveBytes]).toEqual([warm, true]);
    });
  });
});

describe("a memory limit", () => {
  test("holds while the engine lives, refuses what cannot fit by its bytes, and is lifted afterwards", async () => {
    using folder = writeTinyModel({ contextLength: 4000 });
    using backend = new ReferenceBackend();
    const before = backend.memory().limitBytes;
    const unlimited = await LocalEngine.load({ path: folder.path, backend });
    await answer(unlimited, request(1));
    const { liveBytes } = backend.memory();
    await unlimited[Symbol.asyncDispose]();
    const memoryLimitBytes = liveBytes + 60_000;
    const engine = await LocalEngine.load({ path: folder.path, backend, memoryLimitBytes });
    expect(backend.memory().limitBytes).toBe(memoryLimitBytes);
    expect((await answer(engine, request(1))).tokens).toHaveLength(6);
    await expect(answer(engine, { tokens: someTokens(3000), maxNewTokens: 1 })).rejects.toMatchObject({ code: "OUT_OF_MEMORY", limitBytes: memoryLimitBytes });
    expect((await answer(engine, request(2))).tokens).toHaveLength(6);
    expect(backend.memory().peakBytes).toBeLessThanOrEqual(memoryLimitBytes);
    await engine[Symbol.asyncDispose]();
    expect(backend.memory()).toMatchObject({ limitBytes: before, liveAllocations: 0 });
  });

  test("that the weights do not fit into fails the loading, and neither weights nor limit stay", async () => {
    using folder = writeTinyModel();
    using backend = new ReferenceBackend();
    const before = backend.memory().limitBytes;
    await expect(LocalEngine.load({ path: folder.path, backend, memoryLimitBytes: 10_000 })).rejects.toThrow(OutOfMemoryError);
    expect(backend.memory()).toMatchObject({ limitBytes: before, liveAllocations: 0, liveBytes: 0 });
  });
});

describe("loading", () => {
  test("that is aborted between two layers ends with the signal's reason, and nothing stays allocated", async () => {
    using folder = writeTinyModel({ router: true });
    for (const at of [0, 1, 2, 3]) {
      using backend = new ReferenceBackend();
      const controller = new AbortController();
      const reason = new Error("changed my mind");
      if (at === 0) controller.abort(reason);
      const layers: number[] = [];
      const onProgress = (done: number) => {
        layers.push(done);
        if (done === at) controller.abort(reason);
      };
      const load = LocalEngine.load({ path: folder.path, backend, signal: controller.signal, onProgress });
      await expect(load).rejects.toBe(reason);
      expect(layers).toEqual([1, 2, 3].slice(0, at));
      expect(backend.memory()).toMatchObject({ liveAllocations: 0, liveBytes: 0 });
    }
  });
});
