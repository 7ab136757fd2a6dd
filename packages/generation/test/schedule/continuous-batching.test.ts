import { OutOfMemoryError } from "@elastic-attention/core";
import type { AttentionMode } from "@elastic-attention/attention";
import { ConstantRouter } from "@elastic-attention/router";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { GenerationRequest } from "../../src/index.js";
import { RandomStream } from "../../src/sampling/random-stream.js";
import { answer, eventsOf, someTokens, withRunningEngine } from "../doubles/running-engine.js";
import type { TinyModelOptions } from "../doubles/tiny-model.js";

const heads = { version: 1, description: "", scores: [[3, 1], [2, 0], [5, 4]], sparsity: 0.5 };
/** What gives heads their modes: known before, or computed with every layer. */
const deciders: readonly [string, TinyModelOptions][] = [["a head list", { heads }], ["a learned router", { router: true }]];
const selecting: AttentionMode = { kind: "xattention", stride: 2, threshold: 0.8, blockSize: 4 };
const greedy = (tokens: number, maxNewTokens: number, seed = 1, more: GenerationRequest = {}): GenerationRequest => ({
  tokens: someTokens(tokens, seed),
  maxNewTokens,
  ...more,
});

describe("requests that run together", () => {
  test("share decode steps, and each gives the text it gives alone", async () => {
    await withRunningEngine({ heads, contextLength: 400 }, {}, async (engine) => {
      const requests = [
        greedy(30, 12, 1, { sparsity: 0 }),
        greedy(45, 9, 2, { sparsity: 0.5 }),
        greedy(17, 15, 3, { sparsity: 1, decode: "full" }),
        greedy(60, 6, 4, { sparsity: 1 }),
        greedy(28, 10, 5, { router: new ConstantRouter(selecting, { kind: "full" }) }),
        greedy(5, 14, 6, { sampling: { temperature: 1.2, seed: 3, repetitionPenalty: 1.3 } }),
      ];
      const alone = [];
      for (const request of requests) alone.push((await answer(engine, request)).tokens);
      const before = await engine.report();
      const together = await Promise.all(requests.map((request) => answer(engine, request)));
      expect(together.map(({ tokens }) => tokens)).toEqual(alone);
      const after = await engine.report();
      expect((after.decodedTokens - before.decodedTokens) / (after.decodeSteps - before.decodeSteps)).toBeGreaterThan(2);
    });
  });

  test("go on while a long prompt is read: at least one token for every slice when there is no budget", async () => {
    await withRunningEngine({ contextLength: 700 }, { prefillBudgetMilliseconds: 0 }, async (engine) => {
      const order: string[] = [];
      const read = async (name: string, request: GenerationRequest) => {
        for await (const event of engine.generate(request)) order.push(`${name} ${event.type}`);
      };
      const first = read("short", greedy(4, 60));
      while (!order.includes("short token")) await new Promise((resolve) => setTimeout(resolve, 1));
      await Promise.all([first, read("long", greedy(500, 2, 2))]);
      const [begin, end] = [order.indexOf("long progress"), order.indexOf("long token")];
      const between = order.slice(begin, end).filter((event) => event === "short token").length;
      // Between the first layer's end and the last: projection, cache, attention and feed-forward of two layers.
      expect(between).toBeGreaterThanOrEqual(8);
      expect(order.filter((event) => event === "long token")).toHaveLength(2);
    });
  });

  test("wait for whole prompts when the budget has no end, and grow in one batch then", async () => {
    await withRunningEngine({ contextLength: 700 }, { prefillBudgetMilliseconds: Infinity }, async (engine) => {
      const requests = [1, 2, 3, 4].map((seed) => greedy(200 + seed, 9, seed));
      const alone = [];
      for (const request of requests) alone.push((await answer(engine, request)).tokens);
      const before = await engine.report();
      const begun = performance.now();
      const together = await Promise.all(requests.map((request) => answer(engine, request)));
      const seconds = (performance.now() - begun) / 1000;
      expect(together.map(({ tokens }) => tokens)).toEqual(alone);
      const after = await engine.report();
      // One step between two prompts, not one between two slices of a prompt.
      const longest = Math.max(...alone.map((tokens) => tokens.length));
      expect(after.decodeSteps - before.decodeSteps).toBeLessThanOrEqual(longest - 1 + requests.length - 1);
      // Prefills and shares of steps are disjoint parts of the time.
      const parts = together.reduce((sum, { finish }) => sum + finish.report.prefillSeconds + finish.report.decodeShareSeconds, 0);
      expect(parts).toBeLessThanOrEqual(seconds);
      for (const { finish, tokens } of together) {
        expect(finish.report.prefillSeconds).toBeGreaterThan(0);
        expect(finish.report.decodeShareSeconds).toBeLessThanOrEqual(((tokens.length - 1) / finish.report.decodeTokensPerSecond) * (1 + 1e-9));
      }
    });
  });

  describe("while a long prompt is read", () => {
    afterEach(() => void vi.restoreAllMocks());

    /** Longest time between two steps of a running answer, on a clock by which every kernel takes a millisecond. */
    async function longestStall(prefillBudgetMilliseconds: number): Promise<number> {
      let clock = 0;
      let stall = 0;
      await withRunningEngine({ contextLength: 700 }, { prefillBudgetMilliseconds }, async (engine, backend) => {
        const run = backend.kernels.run.bind(backend.kernels);
        vi.spyOn(backend.kernels, "run").mockImplementation((...call) => {
          clock += 1;
          return run(...call);
        });
        vi.spyOn(performance, "now").mockImplementation(() => clock);
        const reading = engine.generate(greedy(4, 90));
        for (let tokens = 0; tokens < 3; ) if ((await reading.next()).value?.type === "token") tokens += 1;
        const short = (async () => {
          for await (const event of reading) if (event.type === "finish") return;
        })();
        const { longestStallMilliseconds: before } = await engine.report();
        expect(before).toBe(0);
        await answer(engine, greedy(500, 1, 2));
        await short;
        stall = (await engine.report()).longestStallMilliseconds;
      });
      return stall;
    }

    test("wait for their next token no longer than the budget says", async () => {
      // Without a budget of any use each slice is followed by a step: the longest of them cannot be cut.
      const slice = await longestStall(0);
      const whole = await longestStall(Infinity);
      expect(whole).toBeGreaterThan(4 * slice);
      for (const budget of [slice, slice + 3, 2 * slice, 3 * slice]) {
        const stall = await longestStall(budget);
        expect(stall).toBeLessThanOrEqual(budget);
        expect(stall).toBeGreaterThan(budget / 2);
      }
    });
  });

  test("wait for a place in the batch, and leave the queue when they are aborted", async () => {
    await withRunningEngine({}, { maximumBatch: 1 }, async (engine) => {
      const controller = new AbortController();
      const running = answer(engine, greedy(8, 20));
      const queued = answer(engine, greedy(8, 20, 2, { signal: controller.signal }));
      const later = answer(engine, greedy(8, 3, 3));
      while ((await engine.report()).decoding === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      expect((await engine.report()).queued).toBe(2);
      controller.abort();
      expect((await queued).finish).toMatchObject({ reason: "aborted", text: "", report: { newTokens: 0, keyValueBytes: 0 } });
      expect((await running).tokens.length).toBeGreaterThan(0);
      expect((await later).tokens.length).toBeGreaterThan(0);
    });
  });

  test("a reader that does not read holds nobody up and is not computed for without end", async () => {
    await withRunningEngine({ contextLength: 400 }, {}, async (engine) => {
      const lazy = engine.generate(greedy(6, 200));
      await lazy.next();
      const quick = await answer(engine, greedy(6, 100, 2));
      expect(quick.tokens.length).toBeGreaterThan(0);
      expect((await engine.report()).decodedTokens).toBeLessThan(100 + 40);
      await lazy.return();
      expect(await engine.report()).toMatchObject({ queued: 0, prefilling: 0, decoding: 0 });
    });
  });

  test.each(deciders)("a thousand random additions, aborts and steps leave nothing behind, where %s decides", async (_, decider) => {
    await withRunningEngine({ ...decider, contextLength: 64 }, { maximumBatch: 6 }, async (engine, backend) => {
      await answer(engine, greedy(20, 2));
      const loaded = backend.memory();
      const random = new RandomStream(11);
      const below = (count: number) => Math.floor(random.next() * count);
      const running = new Map<number, { readonly controller: AbortController; readonly end: Promise<unknown> }>();
      let [added, aborted] = [0, 0];
      for (let operation = 0; operation < 1000; operation++) {
        const choice = below(10);
        if (choice < 4 && running.size < 12) {
          const controller = new AbortController();
          const session = below(3) === 0 ? { session: `session ${operation}` } : {};
          const request = greedy(1 + below(12), below(4), operation, { sparsity: below(3) / 2, signal: controller.signal, ...session });
          const id = added++;
          const end = answer(engine, request).then(() => running.delete(id));
          running.set(id, { controller, end });
        } else if (choice < 6 && running.size > 0) {
          const [, { controller }] = [...running][below(running.size)]!;
          controller.abort();
          aborted += 1;
        } else {
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
      await Promise.all([...running.values()].map(({ end }) => end));
      expect(added).toBeGreaterThan(200);
      expect(aborted).toBeGreaterThan(50);
      for (let operation = 0; operation < 1000; operation++) await engine.closeSession(`session ${operation}`);
      expect(await engine.report()).toMatchObject({ queued: 0, prefilling: 0, decoding: 0, idleSessions: 0, idleSessionBytes: 0 });
      expect(backend.memory()).toMatchObject({ liveAllocations: loaded.liveAllocations, liveBytes: loaded.liveBytes });
    });
  }, 120_000);
});

describe("memory that is not enough", () => {
  test("refuses with the numbers what can never fit, before any work", async () => {
    await withRunningEngine({ contextLength: 4000 }, {}, async (engine, backend) => {
      backend.setMemoryLimit(backend.memory().liveBytes + 200_000);
      const before = backend.memory();
      await expect(eventsOf(engine, greedy(2000, 4))).rejects.toThrow(/this request needs \d+ bytes more \(\d+ of at most \d+ in use\)/);
      expect(backend.memory()).toEqual(before);
      expect((await answer(engine, greedy(8, 3))).tokens.length).toBeGreaterThan(0);
      backend.setMemoryLimit(undefined);
    });
  });

  test("lets what does not fit now wait until another has ended", async () => {
    await withRunningEngine({ contextLength: 500 }, {}, async (engine, backend) => {
      const alone = (await answer(engine, greedy(200, 4, 2))).tokens;
      const { liveBytes } = backend.memory();
      backend.resetPeak();
      await answer(engine, greedy(200, 4, 2));
      // Enough for one of them and a half.
      backend.setMemoryLimit(liveBytes + Math.floor((backend.memory().peakBytes - liveBytes) * 1.5));
      const order: string[] = [];
      const read = async (name: string) => {
        const { tokens } = await answer(engine, greedy(200, 4, 2));
        order.push(name);
        return tokens;
      };
      expect(await Promise.all([read("first"), read("second"), read("third")])).toEqual([alone, alone, alone]);
      expect(order).toEqual(["first", "second", "third"]);
      backend.setMemoryLimit(undefined);
    });
  });

  test.each(deciders)("a failure of any allocation ends the request with OutOfMemoryError, gives all back, and the next one works, where %s decides", async (_, decider) => {
    await withRunningEngine({ ...decider, contextLength: 64 }, {}, async (engine, backend) => {
      const request = greedy(10, 3, 1, { sparsity: 0.5, sampling: { repetitionPenalty: 1.1 } });
      const expected = (await answer(engine, request)).tokens;
      const base = backend.memory();
      let failures = 0;
      for (let allowed = 0; ; allowed++) {
        backend.allowed = allowed;
        const outcome = await answer(engine, request).catch((error: unknown) => error);
        const survived = backend.allowed >= 0;
        backend.allowed = undefined;
        expect(backend.memory()).toMatchObject({ liveAllocations: base.liveAllocations, liveBytes: base.liveBytes });
        if (survived) break;
        expect(outcome).toBeInstanceOf(OutOfMemoryError);
        failures += 1;
        if (failures % 10 === 0) expect((await answer(engine, request)).tokens).toEqual(expected);
      }
      // Prefill: ids, positions, four activations, two tensors of three layers and their moves; each step about ten.
      expect(failures).toBeGreaterThan(30);
      expect((await answer(engine, request)).tokens).toEqual(expected);
    });
  });

  test("with several requests at once, every one ends with its text or the error", async () => {
    await withRunningEngine({ contextLength: 64 }, {}, async (engine, backend) => {
      const requests = [1, 2, 3].map((seed) => greedy(6, 4, seed));
      const expected = [];
      for (const request of requests) expected.push((await answer(engine, request)).tokens);
      const base = backend.memory();
      for (let allowed = 0; allowed < 90; allowed += 3) {
        const all = requests.map((request) => answer(engine, request).then(({ tokens }) => tokens, (error: unknown) => error));
        backend.allowed = allowed;
        const outcomes = Promise.all(all);
        // The failure passes: memory is there again for those who wait.
        while (backend.allowed > 0 && (await engine.report()).decoding + (await engine.report()).prefilling > 0) await new Promise((resolve) => setImmediate(resolve));
        backend.allowed = undefined;
        for (const [index, outcome] of (await outcomes).entries()) {
          if (!(OutOfMemoryError.isInstance(outcome))) expect(outcome).toEqual(expected[index]);
        }
        expect(backend.memory()).toMatchObject({ liveAllocations: base.liveAllocations, liveBytes: base.liveBytes });
      }
    });
  });
});
