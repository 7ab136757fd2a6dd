import { describe, expect, test } from "vitest";
import { OutOfMemoryError } from "@elastic-attention/core";
import type { GenerationEvent, GenerationRequest } from "../../src/index.js";
import { answer, eventsOf, type Finish, someTokens, withRunningEngine } from "../doubles/running-engine.js";

const request: GenerationRequest = { tokens: someTokens(30), maxNewTokens: 10, sampling: { temperature: 3, seed: 11 } };

/** Token ids and the end of each answer. */
function answersOf(events: readonly GenerationEvent[]): { readonly tokens: readonly number[]; readonly finish: Finish }[] {
  const ends = events.filter((event) => event.type === "finish").sort((a, b) => a.answer - b.answer);
  return ends.map((finish) => ({ tokens: events.flatMap((event) => (event.type === "token" && event.answer === finish.answer ? [event.id] : [])), finish }));
}

describe.each([["rows", false], ["pages", true]] as const)("several answers of one prompt, keys and values in %s", (_, isPaged) => {
  test("the prompt is read once, the first answer is what it is alone, and each has a text of its own", async () => {
    await withRunningEngine({ router: true }, {}, async (engine) => {
      const alone = await answer(engine, request);
      const { prefills } = await engine.report();
      const answers = answersOf(await eventsOf(engine, { ...request, count: 5 }));
      expect((await engine.report()).prefills - prefills).toBe(1);
      expect(answers).toHaveLength(5);
      expect(answers[0]!.tokens).toEqual(alone.tokens);
      expect(answers[0]!.finish.text).toBe(alone.finish.text);
      expect(new Set(answers.map(({ tokens }) => tokens.join())).size).toBe(5);
      expect(answers.map(({ finish }) => finish.report.reusedTokens)).toEqual([0, 30, 30, 30, 30]);
      for (const { finish } of answers) expect(finish.report.headMap).toEqual(alone.finish.report.headMap);
      // The same again, and fewer of them: an answer does not depend on how many there are.
      expect(answersOf(await eventsOf(engine, { ...request, count: 3 })).map(({ tokens }) => tokens)).toEqual(answers.slice(0, 3).map(({ tokens }) => tokens));
    }, isPaged);
  });

  test("one that goes on from the copy is what it would be by its own seed alone", async () => {
    await withRunningEngine({ router: true }, { maximumBatch: 2 }, async (engine) => {
      const answers = answersOf(await eventsOf(engine, { ...request, count: 4 }));
      for (const { tokens, finish } of answers) {
        const seed = finish.report.settings!.seed;
        expect((await answer(engine, { ...request, sampling: { ...request.sampling, seed } })).tokens).toEqual(tokens);
      }
    }, isPaged);
  });

  test("an answer without room for its copy reads the prompt itself, with the same text", async () => {
    await withRunningEngine({ router: true }, {}, async (engine, backend) => {
      const many = { ...request, count: 40, maxNewTokens: 4 };
      const wanted = answersOf(await eventsOf(engine, many));
      backend.resetPeak();
      await answer(engine, { ...request, maxNewTokens: 4 });
      const { prefills } = await engine.report();
      // Room for a prefill is room for the copies of some.
      backend.setMemoryLimit(Math.ceil(backend.memory().peakBytes * 1.2));
      const answers = answersOf(await eventsOf(engine, many));
      backend.setMemoryLimit(undefined);
      expect((await engine.report()).prefills - prefills).toBeGreaterThan(1);
      expect(answers.map(({ tokens }) => tokens)).toEqual(wanted.map(({ tokens }) => tokens));
      expect(answers.filter(({ finish }) => finish.report.reusedTokens === 30).length).toBeGreaterThan(0);
    }, isPaged);
  });

  test("a failure of any allocation leaves the texts or the error, and no memory", async () => {
    await withRunningEngine({ router: true }, {}, async (engine, backend) => {
      const several = { ...request, count: 3, maxNewTokens: 2, sampling: { temperature: 3, seed: 11, presencePenalty: 1, repetitionPenalty: 1.1 } };
      const wanted = answersOf(await eventsOf(engine, several)).map(({ tokens }) => tokens);
      const base = backend.memory();
      let errors = 0;
      for (let allowed = 0; ; allowed += isPaged ? 3 : 13) {
        backend.allowed = allowed;
        const outcome = await eventsOf(engine, several).catch((error: unknown) => error);
        const survived = backend.allowed >= 0;
        backend.allowed = undefined;
        expect(backend.memory()).toMatchObject({ liveAllocations: base.liveAllocations, liveBytes: base.liveBytes });
        if (OutOfMemoryError.isInstance(outcome)) errors += 1;
        else expect(answersOf(outcome as GenerationEvent[]).map(({ tokens }) => tokens)).toEqual(wanted);
        if (survived) break;
      }
      expect(errors).toBeGreaterThan(5);
    }, isPaged);
  });

  test("leaving ends all of them, and their memory is back", async () => {
    await withRunningEngine({}, {}, async (engine, backend) => {
      // Tables that stay have their size then.
      await answer(engine, { ...request, maxNewTokens: 50 });
      const { liveBytes } = backend.memory();
      for await (const event of engine.generate({ ...request, count: 6, maxNewTokens: 50 })) if (event.type === "token" && event.answer === 5) break;
      expect(backend.memory().liveBytes).toBe(liveBytes);
      const controller = new AbortController();
      const ends: string[] = [];
      for await (const event of engine.generate({ ...request, count: 3, maxNewTokens: 50, signal: controller.signal })) {
        if (event.type === "token") controller.abort();
        if (event.type === "finish") ends.push(event.reason);
      }
      expect(ends).toEqual(["aborted", "aborted", "aborted"]);
      expect(backend.memory().liveBytes).toBe(liveBytes);
    }, isPaged);
  });
});

test("no tokens at all are several answers too", async () => {
  await withRunningEngine({}, {}, async (engine) => {
    const events = await eventsOf(engine, { ...request, count: 3, maxNewTokens: 0 });
    expect(answersOf(events).map(({ finish }) => finish.reason)).toEqual(["length", "length", "length"]);
    await expect(eventsOf(engine, { ...request, count: 3, signal: AbortSignal.abort() })).resolves.toHaveLength(3);
  });
});
