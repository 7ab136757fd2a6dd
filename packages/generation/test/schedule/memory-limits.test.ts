import { OutOfMemoryError } from "@elastic-attention/core";
import type { ReferenceBackend } from "@elastic-attention/tensor";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { GenerationRequest, LocalEngine } from "../../src/index.js";
import { answer, someTokens, withRunningEngine } from "../doubles/running-engine.js";
import type { TinyModelOptions } from "../doubles/tiny-model.js";

const heads = { version: 1, description: "", scores: [[3, 1], [2, 0], [5, 4]], sparsity: 0.5 };

/** Short and long prompts and answers, by different plans. In pages some of the answers need another one on their way. */
const requests: readonly GenerationRequest[] = [
  { tokens: someTokens(120), maxNewTokens: 16, sparsity: 0 },
  { tokens: someTokens(30, 2), maxNewTokens: 25, sparsity: 0.5 },
  { tokens: someTokens(200, 3), maxNewTokens: 4, sparsity: 1 },
  { tokens: someTokens(9, 4), maxNewTokens: 30, sparsity: 0, sampling: { temperature: 1.1, seed: 5, repetitionPenalty: 1.2 } },
  { tokens: someTokens(60, 5), maxNewTokens: 8, sparsity: 1, decode: "full" },
];

type Alone = { readonly tokens: readonly number[]; readonly bytes: number };

/** Each request's tokens, and the least limit that it ends well under when nobody else is there. */
async function measureAlone(engine: LocalEngine, backend: ReferenceBackend): Promise<Alone[]> {
  const alone: Alone[] = [];
  // Once each, so that tables which stay have their size.
  for (const request of requests) await answer(engine, request);
  for (const request of requests) {
    backend.resetPeak();
    const { tokens } = await answer(engine, request);
    let [low, high] = [backend.memory().liveBytes, backend.memory().peakBytes];
    const fits = async (bytes: number) => {
      backend.setMemoryLimit(bytes);
      const fitting = await answer(engine, request).then(() => true, (error: unknown) => !OutOfMemoryError.isInstance(error));
      backend.setMemoryLimit(undefined);
      return fitting;
    };
    // The prediction is a little above the peak, and refuses what it does not cover.
    while (!(await fits(high))) high = Math.ceil(high * 1.2);
    while (high - low > 2000) {
      const middle = (low + high) >> 1;
      if (await fits(middle)) high = middle;
      else low = middle;
    }
    alone.push({ tokens, bytes: high });
  }
  return alone;
}

describe.each<[string, TinyModelOptions, boolean]>([
  ["plans come from a head list", { heads }, false],
  ["plans come from learned routers", { router: true }, false],
  ["keys and values lie in pages", { heads }, true],
])("at any memory limit and in any order, where %s", (_, options, isPaged) => {
  test("whatever fits alone ends with the text it has alone", async () => {
    await withRunningEngine({ ...options, contextLength: 400 }, { prefillBudgetMilliseconds: 1 }, async (engine, backend) => {
      const alone = await measureAlone(engine, backend);
      const base = backend.memory();
      const all = requests.map((_request, index) => index);
      let preempted = 0;
      const schedule = fc.record({
        order: fc.array(fc.constantFrom(...all), { minLength: 2, maxLength: 8 }),
        spare: fc.double({ min: 0, max: 2.5, noNaN: true }),
        delays: fc.array(fc.nat(6), { minLength: 8, maxLength: 8 }),
      });
      await fc.assert(
        fc.asyncProperty(schedule, async ({ order, spare, delays }) => {
          const largest = Math.max(...order.map((index) => alone[index]!.bytes));
          backend.setMemoryLimit(largest + Math.floor(spare * (largest - base.liveBytes)));
          const before = (await engine.report()).preemptions;
          const outcomes = order.map(async (index, place) => {
            for (let turn = 0; turn < delays[place]!; turn++) await new Promise((resolve) => setImmediate(resolve));
            return (await answer(engine, requests[index]!)).tokens;
          });
          for (const [place, tokens] of (await Promise.all(outcomes)).entries()) expect(tokens).toEqual(alone[order[place]!]!.tokens);
          preempted += (await engine.report()).preemptions - before;
          backend.setMemoryLimit(undefined);
          expect(backend.memory()).toMatchObject({ liveAllocations: base.liveAllocations, liveBytes: base.liveBytes });
        }),
        { numRuns: 12, seed: 7 },
      );
      expect(preempted).toBeGreaterThan(0);
    }, isPaged);
  }, 180_000);
});
